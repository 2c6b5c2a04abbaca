"""Ceilings hold at every level under parallel calls: all scopes pay, or none."""

from __future__ import annotations

import asyncio

import pytest

from ledger.budget import Budget
from ledger.store import Ledger, open_ledger
from runtime.errors import BudgetExceeded

TREE = ("r1", "r1:d1", "r1:d1/a")


async def state(ledger: Ledger, scope: str) -> tuple[float, float]:
    """Reserved and spent, to the millionth of a dollar."""
    found = await ledger.budgets.get(scope)
    assert found is not None
    return round(found.reserved, 6), round(found.spent, 6)


async def test_fifty_parallel_reservations_never_pass_the_ceiling(
    ledger: Ledger, other: Ledger
) -> None:
    await ledger.budgets.open("r1", 1.0)

    async def one(used: Ledger) -> bool:
        try:
            await used.budgets.reserve(("r1",), 0.3)
        except BudgetExceeded:
            return False
        return True

    taken = await asyncio.gather(*(one(used) for used in (ledger, other) * 25))
    assert sum(taken) == 3
    assert (await state(ledger, "r1"))[0] == pytest.approx(0.9)


async def test_parallel_siblings_share_what_their_parent_has(ledger: Ledger, other: Ledger) -> None:
    leaves = [f"r1:d1/{n}" for n in range(10)]
    await ledger.budgets.open_all({"r1": 1.0, "r1:d1": 0.5} | dict.fromkeys(leaves, 0.2))

    async def one(n: int) -> bool:
        try:
            scopes = ("r1", "r1:d1", leaves[n % 10])
            await (ledger, other)[n % 2].budgets.reserve(scopes, 0.1)
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
    await ledger.budgets.open_all(dict(zip(TREE, (1.0, 0.4, 0.2), strict=True)))
    for amount, scope, allowed in ((0.3, "r1:d1/a", 0.2), (2.0, "r1:d1/a", 0.2)):
        with pytest.raises(BudgetExceeded) as caught:
            await ledger.budgets.reserve(TREE, amount)
        assert (caught.value.scope, caught.value.allowed) == (scope, allowed)
    await ledger.budgets.reserve(TREE[:2], 0.3)
    with pytest.raises(BudgetExceeded) as caught:
        await ledger.budgets.reserve(TREE, 0.15)
    assert (caught.value.scope, caught.value.allowed) == ("r1:d1", 0.4)
    assert caught.value.wanted == pytest.approx(0.45)
    assert [(await state(ledger, scope))[0] for scope in TREE] == [0.3, 0.3, 0.0]


async def test_a_scope_without_a_ceiling_pays_nothing(ledger: Ledger) -> None:
    await ledger.budgets.open("r1", 1.0)
    with pytest.raises(BudgetExceeded) as caught:
        await ledger.budgets.reserve(("r1", "r1:d1"), 0.1)
    assert (caught.value.scope, caught.value.allowed) == ("r1:d1", 0.0)
    assert await state(ledger, "r1") == (0.0, 0.0)
    assert await ledger.budgets.get("r1:d1") is None


async def test_settling_gives_back_what_a_call_did_not_use(ledger: Ledger) -> None:
    await ledger.budgets.open_all(dict.fromkeys(TREE, 1.0))
    await ledger.budgets.reserve(TREE, 0.9)
    await ledger.budgets.settle(TREE, 0.9, 0.2)
    await ledger.budgets.reserve(TREE, 0.8)
    with pytest.raises(BudgetExceeded):
        await ledger.budgets.reserve(TREE, 0.01)
    for scope in TREE:
        assert await state(ledger, scope) == (0.8, 0.2)


async def test_a_ceiling_that_is_opened_again_keeps_what_was_spent(ledger: Ledger) -> None:
    await ledger.budgets.open("r1", 1.0)
    await ledger.budgets.reserve(("r1",), 0.5)
    await ledger.budgets.open_all({"r1": 9.0, "r1:d1": 2.0})
    await ledger.budgets.open_all({})
    assert await ledger.budgets.get("r1") == Budget(
        scope="r1", ceiling=1.0, reserved=0.5, spent=0.0
    )


async def test_what_a_dead_process_had_reserved_counts_as_spent(url: str) -> None:
    outside = ("r10", "R1:d1", "r1_:d1")
    async with open_ledger(url) as before:
        await before.budgets.open_all(dict.fromkeys((*TREE, *outside), 1.0))
        await before.budgets.reserve(TREE, 0.4)
        await before.budgets.reserve(outside, 0.4)
    async with open_ledger(url) as after:
        assert await after.budgets.forfeit("r1") == pytest.approx(0.4)
        assert await after.budgets.forfeit("r1") == 0.0
        for scope in TREE:
            assert await state(after, scope) == (0.0, 0.4)
        for scope in outside:
            assert await state(after, scope) == (0.4, 0.0)
        # It was not dead after all: what it books now is never handed out again.
        await after.budgets.settle(TREE, 0.4, 0.1)
        with pytest.raises(BudgetExceeded):
            await after.budgets.reserve(TREE, 0.6)
