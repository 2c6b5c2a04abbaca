"""Whatever calls come in whatever order: no scope passes its ceiling, no child its ancestors'."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.store import Ledger, open_ledger
from runtime.errors import BudgetExceeded
from tests.ledger.postgres import server

SCOPES = ("r", "r:a", "r:a/x", "r:a/y", "r:b")
PATHS = (("r",), ("r", "r:a"), ("r", "r:a", "r:a/x"), ("r", "r:a", "r:a/y"), ("r", "r:b"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One model call: what it sets aside, and which part of that it really costs."""

    path: tuple[str, ...]
    amount: int
    part: float
    forfeits: bool


calls = st.builds(
    Call,
    path=st.sampled_from(PATHS),
    amount=st.integers(min_value=0, max_value=40),
    part=st.floats(min_value=0, max_value=1),
    forfeits=st.booleans(),
)
ceilings = st.lists(st.integers(min_value=0, max_value=60), min_size=5, max_size=5)


async def pay(ledger: Ledger, call: Call, spent: dict[str, float]) -> None:
    try:
        await ledger.budgets.reserve(call.path, call.amount)
    except BudgetExceeded:
        return
    await held(ledger)
    await ledger.budgets.settle(call.path, call.amount, call.amount * call.part)
    for scope in call.path:
        spent[scope] += call.amount * call.part


async def held(ledger: Ledger) -> None:
    """Every ceiling holds at this instant."""
    for scope in SCOPES:
        now = await ledger.budgets.get(scope)
        assert now is not None
        assert now.reserved >= 0
        assert now.reserved + now.spent <= now.ceiling + 1e-6


many_calls = st.lists(st.lists(calls, max_size=8), max_size=4)


@settings(max_examples=40, deadline=None)
@given(limits=ceilings, waves=many_calls)
def test_ceilings_hold_at_every_scope_under_any_interleaving(
    limits: list[int], waves: list[list[Call]]
) -> None:
    hold("sqlite://", limits, waves)


@settings(max_examples=8, deadline=None)
@given(limits=ceilings, waves=many_calls)
def test_ceilings_hold_on_connections_side_by_side(
    limits: list[int], waves: list[list[Call]]
) -> None:
    hold(server().emptied(), limits, waves)


def hold(url: str, limits: list[int], waves: list[list[Call]]) -> None:
    async def run() -> None:
        spent = dict.fromkeys(SCOPES, 0.0)
        async with open_ledger(url) as ledger:
            await ledger.budgets.open_all(dict(zip(SCOPES, map(float, limits), strict=True)))
            for wave in waves:
                await asyncio.gather(*(pay(ledger, call, spent) for call in wave))
                await held(ledger)
                if any(call.forfeits for call in wave):
                    # Some die between reserving and settling.
                    for call in wave:
                        await lost(ledger, call, spent)
                    await ledger.budgets.forfeit("r")
                    await held(ledger)
            for scope, booked in spent.items():
                now = await ledger.budgets.get(scope)
                assert now is not None
                assert abs(now.spent - booked) < 1e-6
                assert now.reserved < 1e-6
            for path in PATHS:
                for narrow in path:
                    assert (
                        spent[narrow]
                        <= min(
                            limits[SCOPES.index(wide)] for wide in path[: path.index(narrow) + 1]
                        )
                        + 1e-6
                    )

    asyncio.run(run())


async def lost(ledger: Ledger, call: Call, spent: dict[str, float]) -> None:
    """A call whose process dies while it runs: it is booked at its worst case."""
    try:
        await ledger.budgets.reserve(call.path, call.amount)
    except BudgetExceeded:
        return
    for scope in call.path:
        spent[scope] += call.amount
