"""Whose turn it is and who is blamed, by a clock that the test moves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from models.deployment import Deployment
from models.outage import Outage
from models.patience import Patience
from models.retry import Retry
from runtime.errors import ModelFault, ModelUnavailable
from tests.models.door import configured, entry

Attempt = Callable[[Deployment], Awaitable[str]]


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def both(tmp_path: Path) -> tuple[Deployment, ...]:
    nowhere = "http://127.0.0.1:1/v1"
    entries = [
        entry(id, model=f"openai/{id}", base=nowhere, order=order, timeout=timeout)
        for order, (id, timeout) in enumerate({"first": 8.0, "second": 5.0}.items())
    ]
    return configured(tmp_path, entries).tier("work")


def outage(fault: str = "server_error", *, again: bool = False) -> Outage:
    return Outage(fault, "down", elsewhere=True, billed=True, again=again)


async def well(deployment: Deployment) -> str:
    return deployment.id


async def ask(
    retry: Retry,
    deployments: tuple[Deployment, ...],
    attempt: Attempt,
    *,
    down: set[str] | None = None,
    until: float | None = None,
) -> str:
    return await retry.first_good(
        "work",
        deployments,
        attempt,
        down=set() if down is None else down,
        until=retry.deadline() if until is None else until,
    )


def taking(clock: Clock, seconds: float, fault: Outage) -> Attempt:
    async def attempt(_: Deployment) -> str:
        clock.now += seconds
        raise fault

    return attempt


async def test_a_deadline_between_two_turns_leaves_no_breaker_half_open_for_good(
    clock: Clock, both: tuple[Deployment, ...]
) -> None:
    retry = Retry(Patience(call_seconds=10, failures=1, rest_seconds=20), clock)
    first, second = both
    with pytest.raises(ModelUnavailable):
        await ask(retry, (second,), taking(clock, 0, outage()))
    clock.now += 30  # the next call tries it
    with pytest.raises(ModelUnavailable, match="10 s"):
        await ask(retry, both, taking(clock, 11, outage("timeout")))
    clock.now += 1000
    assert await ask(retry, (second, first), well) == "second"
    assert retry.state("second") == "closed"


async def test_a_deployment_is_not_blamed_for_the_time_that_another_one_took(
    clock: Clock, both: tuple[Deployment, ...]
) -> None:
    retry = Retry(Patience(call_seconds=10, failures=1), clock)

    async def attempt(deployment: Deployment) -> str:
        clock.now += 8 if deployment.id == "first" else 2
        raise outage("timeout")

    with pytest.raises(ModelUnavailable) as caught:
        await ask(retry, both, attempt)
    assert [id for id, _ in caught.value.tried] == ["first", "second"]
    assert (retry.state("first"), retry.state("second")) == ("open", "closed")


async def test_a_deployment_that_takes_the_whole_of_a_call_is_blamed_for_it(
    clock: Clock, both: tuple[Deployment, ...]
) -> None:
    retry = Retry(Patience(call_seconds=4, failures=1), clock)
    with pytest.raises(ModelUnavailable):
        await ask(retry, both, taking(clock, 4, outage("timeout")))
    assert (retry.state("first"), retry.state("second")) == ("open", "closed")


async def test_a_fault_of_its_own_is_blamed_on_a_deployment_however_late_it_is(
    clock: Clock, both: tuple[Deployment, ...]
) -> None:
    retry = Retry(Patience(call_seconds=10, failures=1), clock)

    async def attempt(deployment: Deployment) -> str:
        clock.now += 8 if deployment.id == "first" else 0.1
        raise outage("timeout" if deployment.id == "first" else "server_error")

    with pytest.raises(ModelUnavailable):
        await ask(retry, both, attempt)
    assert retry.state("second") == "open"


@pytest.mark.parametrize(("seconds", "took", "tried"), [(10, 9.5, 1), (10, 8.5, 2), (1, 0.9, 1)])
async def test_nothing_begins_shortly_before_the_end_of_a_call(
    clock: Clock, both: tuple[Deployment, ...], seconds: float, took: float, tried: int
) -> None:
    retry = Retry(Patience(call_seconds=seconds), clock)
    with pytest.raises(ModelUnavailable) as caught:
        await ask(retry, both, taking(clock, took, outage("timeout")))
    assert len(caught.value.tried) == tried


async def test_nothing_is_tried_again_shortly_before_the_end_of_a_call(
    clock: Clock, both: tuple[Deployment, ...]
) -> None:
    retry = Retry(Patience(call_seconds=10, pause_seconds=0.5), clock)
    with pytest.raises(ModelUnavailable) as caught:
        await ask(retry, both[:1], taking(clock, 8.6, outage(again=True)))
    assert len(caught.value.tried) == 1


async def test_who_answered_badly_after_an_outage_can_be_asked_once_more(
    clock: Clock, both: tuple[Deployment, ...]
) -> None:
    retry = Retry(Patience(pause_seconds=0), clock)
    ends = [outage(again=True), ModelFault("empty", "nothing was said")]

    async def attempt(deployment: Deployment) -> str:
        if ends:
            raise ends.pop(0)
        return deployment.id

    down: set[str] = set()
    with pytest.raises(ModelFault, match="nothing was said"):
        await ask(retry, both[:1], attempt, down=down)
    assert await ask(retry, both[:1], attempt, down=down) == "first"


@pytest.mark.parametrize("fault", ["forbidden", "not_found", "context_overflow"])
async def test_what_one_request_can_bring_about_closes_a_deployment_to_nobody(
    clock: Clock, both: tuple[Deployment, ...], fault: str
) -> None:
    retry = Retry(Patience(failures=1), clock)
    with pytest.raises((ModelUnavailable, ModelFault)):
        await ask(retry, both, taking(clock, 0, outage(fault)))
    assert retry.state("first") == "closed"
