"""A deployment that did not answer, and the one place that decides what is tried next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from models.deployment import Deployment
from runtime.errors import ModelFault, ModelUnavailable

T = TypeVar("T")
LONGEST_WAIT = 5.0
"""Seconds of a Retry-After that are waited for, and only where nobody else could answer."""


class Outage(Exception):
    """A call that brought no whole answer. Stays inside this room."""

    def __init__(
        self,
        fault: str,
        message: str,
        *,
        elsewhere: bool,
        billed: bool,
        retry_after: float | None = None,
    ) -> None:
        self.fault = fault
        self.message = message
        self.elsewhere = elsewhere
        """Another deployment may fare better."""
        self.billed = billed
        """The provider may charge for it."""
        self.retry_after = retry_after
        super().__init__(f"{fault}: {message}")


async def first_good(
    tier: str,
    deployments: Sequence[Deployment],
    attempt: Callable[[Deployment], Awaitable[T]],
    *,
    down: set[str],
    spoken: Callable[[], bool] = lambda: False,
) -> T:
    """Try the deployments in order until one answers. The only retry authority there is.

    Args:
        down: ids that failed before and are not tried again; those that fail now are added.
        spoken: True once a part of an answer has left for good, so that no other can replace it.

    Raises:
        ModelUnavailable: none answered.
        ModelFault: the request itself is at fault, or a stream broke after it had been heard.
    """
    tried: list[tuple[str, str]] = []
    last: Outage | None = None
    alone = len(deployments) == 1
    for deployment in deployments:
        if deployment.id in down:
            continue
        outage = await _once_or_twice(deployment, attempt, alone=alone, spoken=spoken)
        if not isinstance(outage, Outage):
            return outage
        last = outage
        tried.append((deployment.id, outage.fault))
        down.add(deployment.id)
        if spoken() or not outage.elsewhere:
            raise ModelFault(outage.fault, outage.message, model=deployment.model) from outage
    raise ModelUnavailable(
        tier,
        tried=tuple(tried),
        remedy="Check keys, quota and network, or add a deployment to the tier in models.yaml.",
    ) from last


async def _once_or_twice(
    deployment: Deployment,
    attempt: Callable[[Deployment], Awaitable[T]],
    *,
    alone: bool,
    spoken: Callable[[], bool],
) -> T | Outage:
    """The answer, or what went wrong. Waiting is worth it only where there is no other way."""
    try:
        return await attempt(deployment)
    except Outage as outage:
        wait = outage.retry_after
        if not alone or spoken() or wait is None or wait > LONGEST_WAIT:
            return outage
    await asyncio.sleep(wait)
    try:
        return await attempt(deployment)
    except Outage as outage:
        return outage
