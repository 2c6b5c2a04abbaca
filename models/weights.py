"""In which order deployments are tried: by `order`, and among equals by weight.

The draw is a function of who asks, so that a replay asks the same deployment again and one agent
stays where its prompt is cached already.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

from models.deployment import Deployment
from runtime.context import RunContext


def drawn(deployments: Sequence[Deployment], context: RunContext) -> tuple[Deployment, ...]:
    """The deployments in the order in which this task's attempt tries them.

    Of those with the same `order` each comes first as often as its share of their weights says;
    without any weights they stay as they stand. Leaving one out changes nothing for the others.
    """
    weighted = {one.order for one in deployments if one.weight is not None}
    if not weighted:
        return tuple(deployments)
    who = f"{context.run}\0{context.task}\0{context.attempt}"

    def key(one: Deployment) -> tuple[int, float]:
        return one.order, _draw(who, one) if one.order in weighted else 0.0

    return tuple(sorted(deployments, key=key))


def _draw(who: str, deployment: Deployment) -> float:
    """Exponentially distributed: the smallest of several falls on each in proportion to its
    weight."""
    number = hashlib.sha256(f"{who}\0{deployment.id}".encode()).digest()
    uniform = (int.from_bytes(number[:8]) + 1) / (2**64 + 1)
    return -math.log(uniform) / (1.0 if deployment.weight is None else deployment.weight)
