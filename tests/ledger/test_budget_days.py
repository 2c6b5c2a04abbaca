"""Ceilings that nobody opens: of one call, of a tenant's day, of everybody's day."""

from __future__ import annotations

import asyncio

import pytest

from ledger.budget import Amount, Ceiling, Standing
from ledger.ceilings import DAY
from ledger.store import Ledger
from runtime.errors import BudgetExceeded
from tests.ledger.conftest import Clock

NOON = 1_795_262_400.0  # 2026-11-21 12:00 UTC
ACME = Standing(
    call=Ceiling(dollars=0.5, tokens=500),
    day=Ceiling(dollars=3.0),
    tenants={"acme": Ceiling(dollars=1.0, tokens=1000), "free/of charge": Ceiling()},
    tenant=Ceiling(tokens=50),
)


@pytest.fixture
async def governed(ledger: Ledger, other: Ledger, clock: Clock) -> Ledger:
    """A ledger with these ceilings, and runs with plenty."""
    clock.now = NOON
    ledger.budgets.standing = other.budgets.standing = ACME
    await ledger.budgets.open_all(dict.fromkeys(("r1", "r2", "r3"), Ceiling(dollars=100.0)))
    return ledger


async def take(ledger: Ledger, run: str, amount: Amount, tenant: str = "acme") -> str:
    try:
        await ledger.budgets.reserve((run,), amount, tenant=tenant)
    except BudgetExceeded as error:
        return f"{error.level} {error.unit}"
    return "taken"


async def test_a_tenant_s_day_holds_across_runs_and_processes(
    governed: Ledger, other: Ledger
) -> None:
    some = Amount(dollars=0.3, tokens=10)
    ended = await asyncio.gather(
        *(take((governed, other)[n % 2], f"r{1 + n % 3}", some) for n in range(30))
    )
    assert (ended.count("taken"), ended.count("tenant dollars")) == (3, 27)
    (everybody, tenant) = await governed.budgets.today("acme")
    assert (everybody.scope, tenant.scope) == ("*2026-11-21", "*2026-11-21/acme")
    assert everybody.reserved == tenant.reserved == pytest.approx(0.9)
    assert tenant.reserved_tokens == 30


async def test_tokens_of_a_day_are_held_as_well(governed: Ledger) -> None:
    many = Amount(tokens=400)
    ended = [await take(governed, "r1", many) for _ in range(3)]
    assert ended == ["taken", "taken", "tenant tokens"]
    assert await take(governed, "r1", Amount(tokens=50), "nobody named") == "taken"
    assert await take(governed, "r1", Amount(tokens=1), "nobody named") == "tenant tokens"


async def test_a_tenant_without_a_ceiling_still_shares_everybody_s_day(governed: Ledger) -> None:
    free = [await take(governed, "r1", Amount(dollars=0.5), "free/of charge") for _ in range(7)]
    assert free == ["taken"] * 6 + ["day dollars"]
    assert await take(governed, "r1", Amount(dollars=0.1)) == "day dollars"


async def test_the_error_of_a_day_says_whose_it_is_and_when_it_is_free_again(
    governed: Ledger,
) -> None:
    held = await governed.budgets.reserve(("r1",), Amount(dollars=0.5), tenant="acme")
    await governed.budgets.settle(held, Amount(dollars=0.4))
    await governed.budgets.reserve(("r1",), Amount(dollars=0.5), tenant="acme")
    with pytest.raises(BudgetExceeded) as caught:
        await governed.budgets.reserve(("r1",), Amount(dollars=0.2), tenant="acme")
    error = caught.value
    assert (error.level, error.tenant, error.free_at) == ("tenant", "acme", NOON + DAY / 2)
    assert str(error) == (
        "The ceiling of tenant 'acme' on 2026-11-21 (UTC) is $1.0000: $0.4000 spent, $0.5000 set"
        " aside for calls under way; this call may take $0.2000. It is free again at 2026-11-22"
        " 00:00 UTC; or raise dollars_per_day of tenant 'acme' in config/limits.yaml."
    )


async def test_a_new_day_begins_at_midnight_utc_and_a_call_belongs_to_that_of_its_beginning(
    governed: Ledger, clock: Clock
) -> None:
    clock.now = NOON + DAY / 2 - 1
    held = await governed.budgets.reserve(("r1",), Amount(dollars=0.5), tenant="acme")
    await governed.budgets.reserve(("r1",), Amount(dollars=0.5), tenant="acme")
    assert await take(governed, "r1", Amount(dollars=0.1)) == "tenant dollars"
    clock.now += 2
    assert await take(governed, "r1", Amount(dollars=0.1)) == "taken"
    await governed.budgets.settle(held, Amount(dollars=0.4))
    before = await governed.budgets.get("*2026-11-21/acme")
    after = await governed.budgets.get("*2026-11-22/acme")
    assert before is not None
    assert after is not None
    assert (before.reserved, before.spent) == (0.5, 0.4)
    assert (after.reserved, after.spent) == (0.1, 0.0)


async def test_a_call_that_is_too_large_by_itself_is_refused_at_once(governed: Ledger) -> None:
    assert await take(governed, "r1", Amount(dollars=0.51)) == "call dollars"
    assert await take(governed, "r1", Amount(tokens=501)) == "call tokens"
    assert await governed.budgets.today("acme") == []


async def test_a_ceiling_that_an_operator_changed_holds_from_the_next_start(
    governed: Ledger, other: Ledger
) -> None:
    assert await take(governed, "r1", Amount(dollars=0.5)) == "taken"
    other.budgets.standing = Standing(tenant=Ceiling(dollars=0.6))
    assert await take(other, "r1", Amount(dollars=0.2)) == "tenant dollars"
    other.budgets.standing = Standing(tenant=Ceiling(dollars=0.7))
    assert await take(other, "r1", Amount(dollars=0.2)) == "taken"


async def test_what_is_refused_elsewhere_takes_nothing_from_a_day(governed: Ledger) -> None:
    await governed.budgets.open("small", 0.1)
    assert await take(governed, "small", Amount(dollars=0.2)) == "request dollars"
    assert await governed.budgets.today("acme") == []


async def test_a_day_gets_its_share_of_what_a_dead_process_left(
    governed: Ledger, other: Ledger
) -> None:
    governed.budgets.process = "dead"
    assert await take(governed, "r1", Amount(dollars=0.5, tokens=100)) == "taken"
    await other.budgets.forfeit_of(["dead"])
    for found in await other.budgets.today("acme"):
        assert (found.reserved, found.spent) == (0.0, 0.5)
        assert (found.reserved_tokens, found.spent_tokens) == (0, 100)
