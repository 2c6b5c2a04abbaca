"""Which deployments may serve a call: cleared for the data's label, and not one to avoid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from models.deployment import Deployment, Tier
from runtime.errors import BoundaryBreach
from runtime.labels import Label, highest


class LabelRose(BoundaryBreach):
    """The run's label rose after a deployment had been chosen; nothing was sent.

    Stays inside this room: the choice is made again.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleared:
    """The deployments that may serve a call, in the order in which they are tried."""

    deployments: tuple[Deployment, ...]
    avoided: bool
    """False when one of those to avoid had to stay, because no other is cleared."""


def clear(
    tier: Tier,
    deployments: Sequence[Deployment],
    label: Label,
    avoid: frozenset[str],
    known: Sequence[Deployment],
) -> Cleared:
    """Leave only what may see data of this label; then leave out what to avoid, if any remains.

    Deployments behind which the same model answers are one and the same when it comes to
    avoiding; `known` holds all deployments, since what is to be avoided may serve another tier.

    Raises:
        BoundaryBreach: no deployment of the tier is cleared for the label.
    """
    allowed = tuple(one for one in deployments if one.cleared_for.permits(label))
    if not allowed:
        each = ", ".join(f"{one.id} up to {one.cleared_for.value}" for one in deployments)
        most = highest(*(one.cleared_for for one in deployments))
        raise BoundaryBreach(
            label.value,
            f"Tier {tier!r} ({each or 'no deployment'})",
            most.value,
            remedy=f"Add a deployment to tier {tier!r} in models.yaml whose `cleared_for` is"
            f" {label.value!r}, or clear one of these if its vendor may see such data.",
        )
    avoided = {one.served_by for one in known if one.id in avoid}
    others = tuple(one for one in allowed if one.served_by not in avoided)
    return Cleared(deployments=others or allowed, avoided=bool(others) or not avoid)
