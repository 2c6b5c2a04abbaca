"""What is tried next when a deployment does not answer. The only retry authority there is:
neither litellm nor a vendor's client sends anything a second time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from models.deployment import Deployment
from models.outage import OVERFLOW, Outage
from models.patience import Patience
from runtime.breaker import Breaker, State
from runtime.errors import ModelFault, ModelUnavailable

T = TypeVar("T")
_LONGEST_REST = 600.0
"""Seconds for which a deployment is passed over at its own word, at most."""
_LEAST_SECONDS, _LEAST_SHARE = 1.0, 0.2
"""Nothing begins with less than this left of a call: a second, or a fifth of a short call."""
_FULL = 0.9
"""Of its time. A deployment that had less is not blamed for the end of the call's."""


@dataclass(slots=True, kw_only=True)
class _Tried:
    """What one call has been through."""

    deployments: Sequence[Deployment]
    down: set[str]
    outages: list[tuple[Deployment, Outage]] = field(default_factory=list)

    def add(self, deployment: Deployment, outage: Outage) -> None:
        self.outages.append((deployment, outage))
        self.down.add(deployment.id)
        if outage.fault == OVERFLOW:
            size = deployment.max_input_tokens
            self.down |= {one.id for one in self.deployments if one.max_input_tokens <= size}


class Retry:
    """The health of one configuration's deployments, and the rule by which they take turns."""

    def __init__(self, patience: Patience, clock: Callable[[], float] = time.monotonic) -> None:
        self._patience = patience
        self._clock = clock
        self._breakers: dict[str, Breaker] = {}

    def state(self, deployment: str) -> State:
        """Of the breaker of a deployment (its id); `open` while it is passed over."""
        return self._breaker(deployment).state

    def deadline(self) -> float:
        """When a call that begins now has to be over, for `until` and `remaining`."""
        return self._clock() + self._patience.call_seconds

    def remaining(self, until: float) -> float:
        """Seconds until then; not below 0."""
        return max(0.0, until - self._clock())

    async def first_good(
        self,
        tier: str,
        deployments: Sequence[Deployment],
        attempt: Callable[[Deployment], Awaitable[T]],
        *,
        down: set[str],
        until: float,
        spoken: Callable[[], bool] = lambda: False,
    ) -> T:
        """Try the deployments in turn until one answers; the last one left perhaps once more.

        Args:
            down: ids that failed before and are not tried again; those that fail now are added.
            until: the deadline of the call; nothing begins after it, or shortly before.
            spoken: True once a part of an answer has left for good, so that no other can replace
                it.

        Raises:
            ModelUnavailable: none answered, or not in time.
            ModelFault: the request itself is at fault, or a stream broke after it had been heard.
        """
        tried = _Tried(deployments=deployments, down=down)

        async def turn(deployment: Deployment) -> tuple[T] | None:
            try:
                answer = await self._attempt(deployment, attempt, until)
            except Outage as outage:
                tried.add(deployment, outage)
                if spoken() or not outage.elsewhere:
                    raise _fault(deployment, outage) from outage
                return None
            except ModelFault:
                # It answered, if badly, so it can be asked the one question more.
                down.discard(deployment.id)
                raise
            down.discard(deployment.id)
            return (answer,)

        for deployment in self._in_turn(deployments, down, until):
            if answer := await turn(deployment):
                return answer[0]
        again = self._again(tried, until)
        if again is not None:
            deployment, pause = again
            await asyncio.sleep(pause)
            if answer := await turn(deployment):
                return answer[0]
        raise self._nobody(tier, tried, until)

    def _in_turn(
        self, deployments: Sequence[Deployment], down: set[str], until: float
    ) -> Iterator[Deployment]:
        """Those in health first. The others are a last resort, so that no tier is ever closed.

        Who is given has been admitted by its breaker and has to be tried.
        """
        later = []
        for deployment in deployments:
            if deployment.id in down:
                continue
            if not self._room(until):
                return
            # Asked when its turn has come and not before: it may admit this one call alone.
            if self._breaker(deployment.id).admit() is None:
                yield deployment
            else:
                later.append(deployment)
        for deployment in later:
            if deployment.id not in down and self._room(until):
                yield deployment

    async def _attempt(
        self, deployment: Deployment, attempt: Callable[[Deployment], Awaitable[T]], until: float
    ) -> T:
        breaker = self._breaker(deployment.id)
        full = self.remaining(until) >= _FULL * min(deployment.timeout, self._patience.call_seconds)
        try:
            answer = await attempt(deployment)
        except Outage as outage:
            # Others had spent the call's time, and that is over.
            hurried = not full and not self._room(until)
            if outage.sick and not hurried:
                breaker.failed(self._rest(outage))
            else:
                breaker.release()
            raise
        except ModelFault:
            # An answer that cannot be used is a model's fault; its deployment did its work.
            breaker.succeeded()
            raise
        except BaseException:
            breaker.release()
            raise
        breaker.succeeded()
        return answer

    def _rest(self, outage: Outage) -> float:
        """Seconds for which a deployment asked to be left alone, where it is too long to wait."""
        asked = outage.retry_after or 0.0
        return min(asked, _LONGEST_REST) if asked > self._patience.retry_after_seconds else 0.0

    def _again(self, tried: _Tried, until: float) -> tuple[Deployment, float] | None:
        """Whom to try once more, and after how many seconds: the one that is to be had soonest."""
        pauses = [
            (deployment, self._pause(outage))
            for deployment, outage in tried.outages
            if outage.again and self.state(deployment.id) != "open"
        ]
        possible = [
            (one, pause) for one, pause in pauses if pause is not None and self._room(until, pause)
        ]
        return min(possible, key=lambda one: one[1], default=None)

    def _room(self, until: float, pause: float = 0.0) -> bool:
        """Whether an attempt may begin, after so many seconds."""
        least = min(_LEAST_SECONDS, _LEAST_SHARE * self._patience.call_seconds)
        return self.remaining(until) - pause >= least

    def _pause(self, outage: Outage) -> float | None:
        if outage.retry_after is None:
            return self._patience.pause_seconds
        short = outage.retry_after <= self._patience.retry_after_seconds
        return outage.retry_after if short else None

    def _nobody(self, tier: str, tried: _Tried, until: float) -> ModelUnavailable | ModelFault:
        outages = tried.outages
        if outages and all(outage.fault == OVERFLOW for _, outage in outages):
            return _fault(*outages[-1])
        waits = [outage.retry_after for _, outage in outages if outage.retry_after is not None]
        remedy = "Check keys, quota and network, or add a deployment to the tier in models.yaml."
        if waits:
            remedy = f"The soonest asks for {min(waits):g} s; try again then. {remedy}"
        if not self._room(until):
            told = f"{self._patience.call_seconds:g} s (patience.call_seconds) were over"
            remedy = f"The call was given up when its {told}. {remedy}"
        found = ModelUnavailable(
            tier,
            tried=tuple((deployment.id, outage.fault) for deployment, outage in outages),
            remedy=remedy,
            retry_after=min(waits, default=None),
        )
        found.__cause__ = outages[-1][1] if outages else None
        return found

    def _breaker(self, id: str) -> Breaker:
        if id not in self._breakers:
            patience = self._patience
            self._breakers[id] = Breaker(patience.failures, patience.rest_seconds, self._clock)
        return self._breakers[id]


def _fault(deployment: Deployment, outage: Outage) -> ModelFault:
    message = outage.message
    if outage.fault == OVERFLOW:
        message = (
            f"{message} No deployment that is cleared has a larger window than the"
            f" {deployment.max_input_tokens:,} tokens of {deployment.id!r}: the conversation has to"
            " be compacted."
        )
    fault = ModelFault(outage.fault, message, model=deployment.model)
    fault.__cause__ = outage
    return fault
