"""Reaching a ceiling ends a run in an orderly way: what is accepted stays, and the answer says
which ceiling it was, whose, and with what figures."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from ledger.budget import Ceiling, Standing
from tests.graphs.cast import Cast, gives, task
from tests.graphs.driver import Driver, Told
from tests.graphs.installation import installation, specialist, written
from tests.provider import ScriptedProvider

NAMES = ("one", "two", "three")


@asynccontextmanager
async def three_tasks(home: Path, **ceilings: int) -> AsyncIterator[Driver]:
    """A job of three tasks, one after the other, each a model call."""
    text = specialist(
        "counter",
        [task(name) for name in NAMES],
        outputs={name: {"from": name} for name in NAMES},
        effort="narrow",
    )
    cast = Cast({name: gives({"value": 1}) for name in NAMES})
    with ScriptedProvider(cast) as provider:
        config = written(home, provider=provider, limits={"narrow": {"width": 1, **ceilings}})
        async with installation(home, text, config=config) as driver:
            yield driver


async def dearest(driver: Driver) -> int:
    """Tokens that a task's call may take, as the refusal of one tells them."""
    told = await driver.ask("@counter go", thread="measured", token_budget=1)
    found = re.search(r"this call may take ([\d,]+) tokens", str(told.answer["missing"]))
    assert found, told.message
    return int(found[1].replace(",", ""))


def held(told: Told) -> list[str]:
    """The reasons of the two tasks that came to nothing, after the one that was accepted."""
    assert told.answer["status"] == "incomplete", told.message
    outputs = told.answer["outcomes"][0]["outputs"]
    assert [outputs.get(name) for name in NAMES] == [{"value": 1}, None, None]
    return list(told.answer["missing"])


async def test_a_request_that_runs_out_of_tokens_keeps_what_was_accepted(tmp_path: Path) -> None:
    async with three_tasks(tmp_path) as driver:
        enough = await dearest(driver) + 50
        told = await driver.ask("@counter go", token_budget=enough)
        run = told.answer["run"]
        budget = await driver.services.ledger.budgets.get(run)
        accepted = [one.task for one in await driver.services.ledger.tasks.results_of(run)]
    assert accepted == ["d1/one"], told.answer["missing"]
    assert budget is not None
    assert budget.reserved_tokens == 0
    assert 50 < budget.spent_tokens == told.answer["tokens"] <= enough
    for reason in held(told):
        assert f"The ceiling of request {run} is {enough:,} tokens" in reason
        assert f"{budget.spent_tokens:,} tokens spent" in reason


async def test_a_job_stays_within_the_tokens_of_its_class(tmp_path: Path) -> None:
    async with three_tasks(tmp_path / "first") as driver:
        enough = await dearest(driver) + 50
    async with three_tasks(tmp_path / "second", job_tokens=enough) as driver:
        told = await driver.ask("@counter go")
    for reason in held(told):
        assert f"The ceiling of job d1 of run {told.answer['run']} is {enough:,} tokens" in reason


async def test_a_tenant_s_day_ends_all_its_requests_and_nobody_else_s(tmp_path: Path) -> None:
    async with three_tasks(tmp_path) as driver:
        enough = await dearest(driver) + 50
        driver.services.ledger.budgets.standing = Standing(tenants={"acme": Ceiling(tokens=enough)})
        first = await driver.ask("@counter go", thread="a", tenant="acme")
        second = await driver.ask("@counter go", thread="b", tenant="acme")
        other = await driver.ask("@counter go", thread="c", tenant="globex")
    for reason in held(first):
        assert "The ceiling of tenant 'acme' on 20" in reason
        assert "It is free again at 20" in reason
        assert "00:00 UTC" in reason
    assert second.answer["status"] in ("failed", "incomplete")
    assert "tenant 'acme'" in str(second.answer["missing"]) + second.message
    assert other.answer["status"] == "done"
