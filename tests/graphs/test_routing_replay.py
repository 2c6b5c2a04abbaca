"""A recorded decision is decided again from the ledger alone, at every stage."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agents.routing.desk import Desk
from agents.routing.replay import Replayed, replay
from agents.routing.settings import Tenant
from graphs.routing import desk_of
from runtime.canonical import Json
from runtime.errors import UnknownRun
from tests.graphs.clerks import UNSURE, office
from tests.graphs.driver import Driver, Told
from tests.provider import Exchange
from tests.provider.faults import HttpError


async def again(driver: Driver, told: Told, **changes: Json) -> Replayed:
    """The run's decision, with these fields of the settings changed since."""

    def desk(tenant: str) -> Desk:
        found = desk_of(driver.services, tenant)
        routing = found.routing.model_copy(update=changes)
        return Desk(registry=found.registry, trained=found.trained, routing=routing, tenant=tenant)

    return await replay(told.answer["run"], driver.services.ledger, desk)


def choose(exchange: Exchange) -> Json:
    return {"specialist": "south", "reason": "So it seems."}


@pytest.mark.parametrize(
    ("text", "context", "stage"),
    [
        ("@inv show it all", {}, "rule"),
        ("switchyard://mail?text=hello", {}, "rule"),
        ("hello", {"specialist": "mail"}, "rule"),
        ("Is invoice 7 paid?", {}, "local"),
        ("Is invoice 7 paid? and then send an e-mail to anna@example.com", {}, "local"),
        (UNSURE, {}, "model"),
    ],
)
async def test_a_decision_of_every_stage_comes_out_the_same_without_a_new_call(
    tmp_path: Path, text: str, context: dict[str, Json], stage: str
) -> None:
    async with office(tmp_path, choose=choose) as (driver, brain):
        told = await driver.ask(text, **context)
        asked = len(brain.routed)
        found = await again(driver, told)
        assert found.recorded.stage == stage
        assert found.differences == ()
        assert found.same
        assert not found.router_changed
        assert len(brain.routed) == asked


async def test_a_follow_up_is_decided_again_from_the_run_before_it(tmp_path: Path) -> None:
    async with office(tmp_path, choose=choose) as (driver, _):
        await driver.ask("Is invoice 7 paid?")
        for text in ("what about 8?", "and mail it to her", "Show invoice 12"):
            found = await again(driver, await driver.ask(text))
            assert found.differences == (), text
        assert found.recorded.follows == ""


@pytest.mark.parametrize("answer", ["the second", "neither", "hm, hard to say really"])
async def test_a_clarified_decision_is_decided_again_with_the_answer(
    tmp_path: Path, answer: str
) -> None:
    said = {"specialist": "ask", "reason": "Both fit."}
    async with office(tmp_path, choose=lambda _: said) as (driver, _):
        told = await driver.ask(UNSURE, decide=lambda _: answer)
        found = await again(driver, told)
        assert found.differences == ()


async def test_a_failed_call_is_decided_again_as_one(tmp_path: Path) -> None:
    down = HttpError(status=500, message="down")
    async with office(tmp_path, choose=lambda _: down) as (driver, _):
        found = await again(driver, await driver.ask(UNSURE))
        assert found.recorded.dispatches[0].specialist == "general"
        assert found.same


async def test_changed_settings_are_told_and_so_is_what_they_change(tmp_path: Path) -> None:
    async with office(tmp_path, choose=choose) as (driver, _):
        told = await driver.ask("Is invoice 7 paid?")
        same = await again(driver, told, aliases={"bill": "invoices"})
        assert (same.router_changed, same.same) == (True, True)
        terms = {"*": Tenant(deny=frozenset({"invoices"}))}
        other = await again(driver, told, tenants=terms)
        assert other.router_changed
        assert not other.same
        assert any(one.startswith("dispatches was") for one in other.differences)


async def test_another_short_list_than_then_is_told(tmp_path: Path) -> None:
    async with office(tmp_path, choose=choose) as (driver, _):
        told = await driver.ask(UNSURE)
        found = await again(driver, told, tenants={"*": Tenant(deny=frozenset({"north"}))})
        assert found.again is None
        assert "asks tier route something else than then" in found.differences[0]


async def test_a_forgotten_answer_is_told(tmp_path: Path) -> None:
    async with office(tmp_path, choose=choose) as (driver, _):
        told = await driver.ask(UNSURE)
        await driver.services.ledger.exchanges.forget_before(2e10)
        found = await again(driver, told)
        assert (found.again, found.same) == (None, False)
        assert "has no recorded answer" in found.differences[0]


async def test_a_run_without_a_route_cannot_be_replayed(tmp_path: Path) -> None:
    async with office(tmp_path) as (driver, _):
        refused = await driver.ask("@nobody hello")
        with pytest.raises(UnknownRun, match="routed run"):
            await again(driver, refused)


async def test_the_answer_of_the_model_is_read_from_the_recorded_exchange(tmp_path: Path) -> None:
    async with office(tmp_path, choose=choose) as (driver, _):
        told = await driver.ask(UNSURE)
        ledger = driver.services.ledger
        kept = await ledger.exchanges.of_run(told.answer["run"])
        (turn,) = [one for one in kept if one.task == "route"]
        content = await ledger.exchanges.content(turn.response)
        assert content is not None
        (call,) = json.loads(content)["answer"]["tool_calls"]
        assert json.loads(call["arguments"])["specialist"] == "south"
        found = await again(driver, told)
        assert found.again is not None
        assert found.again.dispatches[0].specialist == "south"
