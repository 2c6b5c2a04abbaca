"""Ceilings hold at every level under parallel calls: all scopes pay, or none."""

from __future__ import annotations

import asyncio
import math
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ledger.budget import Amount, Budget, Ceiling
from ledger.store import Ledger, open_ledger
from runtime.errors import BudgetExceeded

TREE = ("r1", "r1:d1", "r1:d1/a")


def usd(dollars: float) -> Amount:
    return Amount(dollars=dollars)


def up_to(dollars: float, tokens: int | None = None) -> Ceiling:
    return Ceiling(dollars=dollars, tokens=tokens)


async def state(ledger: Ledger, scope: str) -> tuple[float, float]:
    """Reserved and spent, to the millionth of a dollar."""
    found = await ledger.budgets.get(scope)
    assert found is not None
    return round(found.reserved, 6), round(found.spent, 6)


async def counted(ledger: Ledger, scope: str) -> tuple[int, int]:
    """Reserved and spent tokens."""
    found = await ledger.budgets.get(scope)
    assert found is not None
    return found.reserved_tokens, found.spent_tokens


async def test_fifty_parallel_reservations_never_pass_the_ceiling(
    ledger: Ledger, other: Ledger
) -> None:
    await ledger.budgets.open("r1", 1.0)

    async def one(used: Ledger) -> bool:
        try:
            await used.budgets.reserve(("r1",), usd(0.3))
        except BudgetExceeded:
            return False
        return True

    taken = await asyncio.gather(*(one(used) for used in (ledger, other) * 25))
    assert sum(taken) == 3
    assert (await state(ledger, "r1"))[0] == pytest.approx(0.9)


async def test_tokens_have_a_ceiling_of_their_own(ledger: Ledger, other: Ledger) -> None:
    await ledger.budgets.open("r1", 1.0, 1000)

    async def one(used: Ledger) -> str:
        try:
            await used.budgets.reserve(("r1",), Amount(dollars=0.001, tokens=300))
        except BudgetExceeded as error:
            return error.unit
        return "taken"

    ended = await asyncio.gather(*(one(used) for used in (ledger, other) * 25))
    assert (ended.count("taken"), ended.count("tokens")) == (3, 47)
    assert await counted(ledger, "r1") == (900, 0)
    assert await state(ledger, "r1") == (0.003, 0.0)


async def test_parallel_siblings_share_what_their_parent_has(ledger: Ledger, other: Ledger) -> None:
    leaves = [f"r1:d1/{n}" for n in range(10)]
    await ledger.budgets.open_all(
        {"r1": up_to(1.0), "r1:d1": up_to(0.5)} | dict.fromkeys(leaves, up_to(0.2))
    )

    async def one(n: int) -> bool:
        try:
            scopes = ("r1", "r1:d1", leaves[n % 10])
            await (ledger, other)[n % 2].budgets.reserve(scopes, usd(0.1))
        except BudgetExceeded:
            return False
        return True

    taken = await asyncio.gather(*(one(n) for n in range(50)))
    assert sum(taken) == 5
    reserved = [(await state(ledger, leaf))[0] for leaf in leaves]
    assert sum(reserved) == pytest.approx(0.5)
    assert max(reserved) <= 0.2 + 1e-9
    assert (await state(ledger, "r1"))[0] == pytest.approx(0.5)


async def test_what_does_not_fit_the_narrowest_scope_takes_nothing_from_any(ledger: Ledger) -> None:
    ceilings = (up_to(1.0), up_to(0.4), up_to(0.2))
    await ledger.budgets.open_all(dict(zip(TREE, ceilings, strict=True)))
    for amount, scope, allowed in ((0.3, "r1:d1/a", 0.2), (2.0, "r1:d1/a", 0.2)):
        with pytest.raises(BudgetExceeded) as caught:
            await ledger.budgets.reserve(TREE, usd(amount))
        assert (caught.value.scope, caught.value.allowed) == (scope, allowed)
    await ledger.budgets.reserve(TREE[:2], usd(0.3))
    with pytest.raises(BudgetExceeded) as caught:
        await ledger.budgets.reserve(TREE, usd(0.15))
    assert (caught.value.scope, caught.value.allowed) == ("r1:d1", 0.4)
    assert caught.value.wanted == pytest.approx(0.45)
    assert [(await state(ledger, scope))[0] for scope in TREE] == [0.3, 0.3, 0.0]
    assert len(await ledger.budgets.unsettled()) == 1


async def test_what_is_refused_is_told_with_level_unit_and_figures(ledger: Ledger) -> None:
    await ledger.budgets.open("r1", 5.0, 10_000)
    await ledger.budgets.open_all({"r1:d1": up_to(2.0, 900), "r1:d1/a": up_to(0.5)})
    held = await ledger.budgets.reserve(TREE, Amount(dollars=0.2, tokens=300))
    await ledger.budgets.settle(held, Amount(dollars=0.1, tokens=200))
    await ledger.budgets.reserve(TREE, Amount(dollars=0.3, tokens=300))
    told = []
    for amount in (Amount(dollars=0.2), Amount(tokens=500)):
        with pytest.raises(BudgetExceeded) as caught:
            await ledger.budgets.reserve(TREE, amount)
        assert caught.value.free_at is None
        told.append((caught.value.level, caught.value.unit, str(caught.value)))
    assert told == [
        (
            "task",
            "dollars",
            "The ceiling of task d1/a of run r1 is $0.5000: $0.1000 spent, $0.3000 set aside for"
            " calls under way; this call may take $0.2000. Raise it in config/limits.yaml, or ask"
            " for less.",
        ),
        (
            "job",
            "tokens",
            "The ceiling of job d1 of run r1 is 900 tokens: 200 tokens spent, 300 tokens set aside"
            " for calls under way; this call may take 500 tokens. Raise it in config/limits.yaml,"
            " or ask for less.",
        ),
    ]


async def test_a_scope_without_a_ceiling_pays_nothing(ledger: Ledger) -> None:
    await ledger.budgets.open("r1", 1.0)
    for amount in (usd(0.1), Amount()):
        with pytest.raises(BudgetExceeded) as caught:
            await ledger.budgets.reserve(("r1", "r1:d1"), amount)
        assert (caught.value.scope, caught.value.allowed) == ("r1:d1", 0.0)
    assert await state(ledger, "r1") == (0.0, 0.0)
    assert await ledger.budgets.get("r1:d1") is None


async def test_settling_gives_back_what_a_call_did_not_use(ledger: Ledger) -> None:
    await ledger.budgets.open_all(dict.fromkeys(TREE, up_to(1.0, 100)))
    held = await ledger.budgets.reserve(TREE, Amount(dollars=0.9, tokens=90))
    await ledger.budgets.settle(held, Amount(dollars=0.2, tokens=30))
    await ledger.budgets.reserve(TREE, Amount(dollars=0.8, tokens=70))
    for amount in (usd(0.01), Amount(tokens=1)):
        with pytest.raises(BudgetExceeded):
            await ledger.budgets.reserve(TREE, amount)
    for scope in TREE:
        assert await state(ledger, scope) == (0.8, 0.2)
        assert await counted(ledger, scope) == (70, 30)


async def test_a_reservation_is_settled_once(ledger: Ledger, other: Ledger) -> None:
    await ledger.budgets.open_all(dict.fromkeys(TREE, up_to(1.0)))
    held = await ledger.budgets.reserve(TREE, Amount(dollars=0.5, tokens=50))
    again = [one.budgets.settle(held, Amount(dollars=0.2, tokens=20)) for one in (ledger, other)]
    await asyncio.gather(*again, ledger.budgets.settle(held, usd(0.3)))
    for scope in TREE:
        reserved, spent = await state(ledger, scope)
        assert reserved == 0.0
        assert spent in (0.2, 0.3)
    assert await ledger.budgets.unsettled() == []


async def test_what_was_billed_above_the_worst_case_is_booked_and_shown(ledger: Ledger) -> None:
    await ledger.budgets.open("r1", 1.0, 100)
    held = await ledger.budgets.reserve(("r1",), Amount(dollars=0.9, tokens=90))
    await ledger.budgets.settle(held, Amount(dollars=1.1, tokens=120))
    found = await ledger.budgets.get("r1")
    assert found is not None
    assert (found.spent, found.spent_tokens, found.overshot_tokens) == (1.1, 120, 30)
    assert found.overshot == pytest.approx(0.2)
    with pytest.raises(BudgetExceeded, match=r"\$1\.1000 spent"):
        await ledger.budgets.reserve(("r1",), Amount())


async def test_a_ceiling_that_is_opened_again_keeps_what_was_spent(ledger: Ledger) -> None:
    await ledger.budgets.open("r1", 1.0)
    await ledger.budgets.reserve(("r1",), Amount(dollars=0.5, tokens=7))
    await ledger.budgets.open_all({"r1": up_to(9.0), "r1:d1": up_to(2.0)})
    await ledger.budgets.open_all({})
    assert await ledger.budgets.get("r1") == Budget(
        scope="r1", ceiling=1.0, reserved=0.5, spent=0.0, reserved_tokens=7
    )


async def test_what_a_dead_process_had_reserved_counts_as_spent(url: str) -> None:
    outside = ("r10", "R1:d1", "r1_:d1")
    async with open_ledger(url) as before:
        await before.budgets.open_all(dict.fromkeys((*TREE, *outside), up_to(1.0)))
        held = await before.budgets.reserve(TREE, Amount(dollars=0.4, tokens=40))
        await before.budgets.reserve(outside, usd(0.4))
    async with open_ledger(url) as after:
        assert await after.budgets.forfeit("r1") == Amount(dollars=0.4, tokens=40)
        assert await after.budgets.forfeit("r1") == Amount()
        for scope in TREE:
            assert await state(after, scope) == (0.0, 0.4)
            assert await counted(after, scope) == (0, 40)
        for scope in outside:
            assert await state(after, scope) == (0.4, 0.0)
        (kept,) = await after.budgets.unsettled("r1")
        assert (kept.id, kept.forfeited_at is not None) == (held.id, True)
        # It was not dead after all: it is counted once, by what it really took.
        for _ in range(2):
            await after.budgets.settle(held, Amount(dollars=0.1, tokens=10))
            for scope in TREE:
                assert await state(after, scope) == (0.0, 0.1)
                assert await counted(after, scope) == (0, 10)
        assert await after.budgets.unsettled("r1") == []


async def test_only_what_a_process_itself_reserved_is_forfeited_with_it(
    ledger: Ledger, other: Ledger
) -> None:
    ledger.budgets.process, other.budgets.process = "p1", "p2"
    await ledger.budgets.open("r1", 1.0)
    await ledger.budgets.reserve(("r1",), usd(0.1))
    alive = await other.budgets.reserve(("r1",), usd(0.2))
    assert await ledger.budgets.holders() == {"p1", "p2"}
    assert await other.budgets.forfeit_of([]) == Amount()
    assert await other.budgets.forfeit_of(["p1", "p3"]) == usd(0.1)
    assert await state(ledger, "r1") == (0.2, 0.1)
    await other.budgets.settle(alive, usd(0.05))
    assert await ledger.budgets.holders() == set()
    assert await state(ledger, "r1") == (0.0, 0.15)


async def test_settling_and_forfeiting_at_once_book_one_of_the_two(
    ledger: Ledger, other: Ledger
) -> None:
    await ledger.budgets.open_all(dict.fromkeys(TREE, up_to(100.0)))
    for _ in range(20):
        held = [await ledger.budgets.reserve(TREE, usd(1.0)) for _ in range(3)]
        settling = (ledger.budgets.settle(one, usd(0.25)) for one in held)
        await asyncio.gather(*settling, other.budgets.forfeit("r1"))
        # Whatever came first, the call is known in the end.
        assert await ledger.budgets.unsettled() == []
    for scope in TREE:
        assert await state(ledger, scope) == (0.0, 15.0)


async def test_a_caller_who_gives_up_leaves_nothing_set_aside(ledger: Ledger) -> None:
    await ledger.budgets.open("r1", 1.0)
    for turns in range(12):
        taking = asyncio.create_task(ledger.budgets.reserve(("r1",), usd(0.5)))
        for _ in range(turns % 4):
            await asyncio.sleep(0)
        taking.cancel()
        await asyncio.wait({taking}, timeout=30)
        if not taking.cancelled():
            await ledger.budgets.settle(taking.result(), Amount())
    assert await state(ledger, "r1") == (0.0, 0.0)
    assert await ledger.budgets.unsettled() == []


async def test_what_was_set_aside_after_its_caller_had_gone_is_given_back(tmp_path: Path) -> None:
    file = tmp_path / "l.sqlite"
    async with open_ledger(f"sqlite:///{file}") as ledger:
        await ledger.budgets.open("r1", 1.0)
        with closing(sqlite3.connect(file, isolation_level=None)) as another:
            another.execute("BEGIN IMMEDIATE")
            taking = asyncio.create_task(ledger.budgets.reserve(("r1",), usd(0.5)))
            # It has begun, and waits for the lock in the thread of the database.
            done, _ = await asyncio.wait({taking}, timeout=0.3)
            assert not done
            taking.cancel()
            another.execute("COMMIT")
            with pytest.raises(asyncio.CancelledError):
                await asyncio.wait_for(taking, 30)
        assert await state(ledger, "r1") == (0.0, 0.0)
        assert await ledger.budgets.unsettled() == []


@pytest.mark.parametrize(
    "amount", [Amount(dollars=-1.0), Amount(tokens=-1), Amount(dollars=math.nan)]
)
async def test_less_than_nothing_cannot_be_set_aside(ledger: Ledger, amount: Amount) -> None:
    await ledger.budgets.open("r1", 1.0, 10)
    with pytest.raises(ValueError, match="less than nothing"):
        await ledger.budgets.reserve(("r1",), amount)
    assert await state(ledger, "r1") == (0.0, 0.0)
    assert await ledger.budgets.unsettled() == []
