"""Whatever calls come in whatever order: no scope passes its ceiling, in money or in tokens, and
every scope's books are the sum of the calls that it paid for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.budget import Amount, Ceiling, Reservation, Standing
from ledger.store import Ledger, open_ledger
from runtime.errors import BudgetExceeded
from tests.ledger.postgres import server

DAY = ("*1970-01-01", "*1970-01-01/acme")
TREE = ("r", "r:a", "r:a/x", "r:a/y", "r:b", "q")
SCOPES = (*DAY, *TREE)
PATHS = (
    ("r",),
    ("r", "r:a"),
    ("r", "r:a", "r:a/x"),
    ("r", "r:a", "r:a/y"),
    ("r", "r:b"),
    ("q",),
)
Fate = Literal["settled", "dies", "dies but settles", "still open"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One model call: what it sets aside, what it really takes, and how it ends."""

    path: tuple[str, ...]
    worst: Amount
    part: float
    """Of the worst case; above 1 the provider bills more than it may."""
    fate: Fate

    @property
    def took(self) -> Amount:
        return Amount(
            dollars=self.worst.dollars * self.part, tokens=int(self.worst.tokens * self.part)
        )


amounts = st.builds(
    Amount,
    dollars=st.integers(min_value=0, max_value=40).map(float),
    tokens=st.integers(min_value=0, max_value=40),
)
calls = st.builds(
    Call,
    path=st.sampled_from(PATHS),
    worst=amounts,
    part=st.floats(min_value=0, max_value=1.5),
    fate=st.sampled_from(("settled", "settled", "dies", "dies but settles", "still open")),
)
ceilings = st.lists(
    st.builds(
        Ceiling,
        dollars=st.integers(min_value=0, max_value=90).map(float),
        tokens=st.none() | st.integers(min_value=0, max_value=90),
    ),
    min_size=len(SCOPES),
    max_size=len(SCOPES),
)
many_calls = st.lists(st.lists(calls, max_size=8), max_size=4)


class Books:
    """What every scope must show, kept by hand beside the ledger."""

    def __init__(self, ledger: Ledger, limits: dict[str, Ceiling]) -> None:
        self._ledger = ledger
        self._limits = limits
        self._spent = dict.fromkeys(SCOPES, Amount())
        self._over = dict.fromkeys(SCOPES, Amount())
        self._open: dict[str, Reservation] = {}

    async def pay(self, call: Call) -> None:
        """One call from its reservation to its end."""
        budgets = self._ledger.budgets
        try:
            held = await budgets.reserve(call.path, call.worst, tenant="acme")
        except BudgetExceeded:
            return
        assert held.scopes == (*self._days(), *call.path)
        await self._hold()
        if call.fate == "still open":
            self._open[held.id] = held
        elif call.fate == "settled":
            await budgets.settle(held, call.took)
            self._book(held, call.took, call.took.beyond(call.worst))
        else:
            await self._die(call, held)
        await self._hold()

    async def _die(self, call: Call, held: Reservation) -> None:
        budgets = self._ledger.budgets
        run = call.path[0]
        lost = [one for one in self._open.values() if one.run == run]
        await budgets.forfeit(run)
        for one in lost:
            # Of calls side by side another may have been first.
            if self._open.pop(one.id, None):
                self._book(one, one.amount, Amount())
        if call.fate == "dies":
            self._book(held, held.amount, Amount())
        else:
            await asyncio.gather(*(budgets.settle(held, call.took) for _ in range(2)))
            self._book(held, call.took, call.took.beyond(call.worst))

    def _book(self, held: Reservation, spent: Amount, over: Amount) -> None:
        for scope in held.scopes:
            self._spent[scope] += spent
            self._over[scope] += over

    def _days(self) -> list[str]:
        return [scope for scope in DAY if self._limits[scope].holds_anything]

    async def _hold(self) -> None:
        """Every ceiling holds at this instant."""
        for scope in SCOPES:
            now = await self._ledger.budgets.get(scope)
            if now is None:
                assert scope in DAY
                continue
            assert now.reserved >= 0
            assert now.reserved_tokens >= 0
            assert now.reserved + now.spent - now.overshot <= now.ceiling + 1e-6
            if now.token_ceiling is not None:
                taken = now.reserved_tokens + now.spent_tokens - now.overshot_tokens
                assert taken <= now.token_ceiling

    async def agree(self) -> None:
        """Every scope is the sum of what it paid for, to the token."""
        await self._hold()
        for scope in SCOPES:
            now = await self._ledger.budgets.get(scope)
            if now is None:
                continue
            held = [one.amount for one in self._open.values() if scope in one.scopes]
            close(now.reserved, sum(one.dollars for one in held))
            close(now.spent, self._spent[scope].dollars)
            close(now.overshot, self._over[scope].dollars)
            assert now.reserved_tokens == sum(one.tokens for one in held)
            assert now.spent_tokens == self._spent[scope].tokens
            assert now.overshot_tokens == self._over[scope].tokens
        unsettled = await self._ledger.budgets.unsettled()
        assert {one.id for one in unsettled if one.forfeited_at is None} == self._open.keys()


def close(one: float, other: float) -> None:
    assert abs(one - other) < 1e-6


@settings(max_examples=25, deadline=None)
@given(limits=ceilings, waves=many_calls)
def test_ceilings_hold_at_every_scope_one_call_after_the_other(
    limits: list[Ceiling], waves: list[list[Call]]
) -> None:
    hold("sqlite://", limits, [[call] for wave in waves for call in wave])


@settings(max_examples=25, deadline=None)
@given(limits=ceilings, waves=many_calls)
def test_ceilings_hold_at_every_scope_under_any_interleaving(
    limits: list[Ceiling], waves: list[list[Call]]
) -> None:
    hold("sqlite://", limits, living(waves))


@settings(max_examples=8, deadline=None)
@given(limits=ceilings, waves=many_calls)
def test_ceilings_hold_on_connections_side_by_side(
    limits: list[Ceiling], waves: list[list[Call]]
) -> None:
    hold(server().emptied(), limits, living(waves))


def living(waves: Iterable[Iterable[Call]]) -> list[list[Call]]:
    """Without those that die: beside others, nobody could tell which calls a death takes along."""
    return [[one for one in wave if "dies" not in one.fate] for wave in waves]


def hold(url: str, limits: Sequence[Ceiling], waves: Sequence[Sequence[Call]]) -> None:
    async def run() -> None:
        by_scope = dict(zip(SCOPES, limits, strict=True))
        async with open_ledger(url, lambda: 100.0) as ledger:
            ledger.budgets.standing = Standing(day=limits[0], tenant=limits[1])
            await ledger.budgets.open_all({scope: by_scope[scope] for scope in TREE})
            books = Books(ledger, by_scope)
            for wave in waves:
                await asyncio.gather(*(books.pay(call) for call in wave))
                await books.agree()

    asyncio.run(run())
