"""Of a request with several parts, those that the examples leave open are chosen one by one."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.routing import desk
from agents.routing.decision import Route
from agents.routing.desk import Desk
from agents.routing.replay import replay
from graphs.routing import desk_of
from runtime.canonical import Json
from runtime.errors import BoundaryBreach
from tests.graphs.clerks import OFFICE, TOKENS, UNSURE, Choose, office
from tests.graphs.driver import Driver, Told
from tests.provider import Exchange
from tests.provider.faults import HttpError

ONE_OPEN = f"Show invoice 12. {UNSURE}"
BOTH_OPEN = f"{UNSURE} Pay the bill of March."
MAILED = f"{UNSURE} Then mail it to her."
PARCEL, BILL = UNSURE, "Pay the bill of March."


def says(**by_words: str) -> Choose:
    """Chooses by a word of the text; nobody where no word is in it."""

    def choose(exchange: Exchange) -> Json:
        asked = exchange.last.text.partition("## Specialists")[0]
        for word, specialist in by_words.items():
            if word in asked:
                return {"specialist": specialist, "reason": f"It has {word}."}
        return {"specialist": "none", "reason": "Nobody does this."}

    return choose


async def route_of(driver: Driver, told: Told) -> Json:
    return await driver.services.ledger.runs.route(told.answer["run"])


async def comes_out_the_same(driver: Driver, told: Told) -> bool:
    def opened(tenant: str) -> Desk:
        return desk_of(driver.services, tenant)

    return (await replay(told.answer["run"], driver.services.ledger, opened)).same


async def test_each_open_part_is_chosen_from_its_own_list(tmp_path: Path) -> None:
    choose = says(parcel="south", bill="mail")
    async with office(tmp_path, choose=choose) as (driver, brain):
        told = await driver.ask(BOTH_OPEN)
        route = await route_of(driver, told)
        went = [(one["specialist"], one["text"], one["needs"]) for one in route["dispatches"]]
        assert went == [("south", PARCEL, []), ("mail", BILL, [])]
        assert len(brain.routed) == 2
        assert (route["stage"], route["tokens"], route["left_out"]) == ("model", 2 * TOKENS, [])
        assert told.answer["status"] == "done"
        assert await comes_out_the_same(driver, told)


async def test_parts_that_turn_out_to_be_one_thing_are_one_dispatch(tmp_path: Path) -> None:
    choose = says(parcel="south", bill="south")
    async with office(tmp_path, choose=choose) as (driver, brain):
        told = await driver.ask(BOTH_OPEN)
        (only,) = (await route_of(driver, told))["dispatches"]
        assert (only["specialist"], only["text"], only["needs"]) == ("south", BOTH_OPEN, [])
        assert len(brain.worked) == 1
        assert await comes_out_the_same(driver, told)


async def test_a_part_that_nobody_takes_costs_the_other_nothing(tmp_path: Path) -> None:
    async with office(tmp_path, *OFFICE[:4], choose=says()) as (driver, brain):
        told = await driver.ask(ONE_OPEN)
        assert [who for who, _, _ in brain.worked] == ["invoices"]
        assert told.answer["status"] == "incomplete"
        assert told.answer["missing"] == [f"No specialist takes: {UNSURE}"]
        assert "invoices did" in told.answer["text"]
        assert (await route_of(driver, told))["left_out"] == [UNSURE]
        assert await comes_out_the_same(driver, told)


async def test_what_needs_a_part_that_nobody_takes_is_left_out_with_it(tmp_path: Path) -> None:
    async with office(tmp_path, *OFFICE[:4], choose=says()) as (driver, brain):
        told = await driver.ask(MAILED)
        assert brain.worked == []
        assert told.answer["status"] == "declined"
        assert "Nobody does this." in told.answer["text"]


@pytest.mark.parametrize("open_text", [ONE_OPEN, BOTH_OPEN])
async def test_a_part_for_which_the_model_fails_goes_to_the_fallback_alone(
    tmp_path: Path, open_text: str
) -> None:
    async def ask(folder: Path) -> list[str]:
        down = HttpError(status=500, message="down")
        async with office(folder, choose=lambda _: down) as (driver, brain):
            await driver.ask(open_text)
            return sorted(who for who, _, _ in brain.worked)

    alone = ["general"] if open_text == BOTH_OPEN else ["general", "invoices"]
    assert await ask(tmp_path) == alone


async def test_a_model_that_may_not_be_asked_costs_the_sure_part_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(*_args: object, **_named: object) -> Route:
        raise BoundaryBreach("regulated", "tier route", "internal")

    monkeypatch.setattr(desk, "by_model", refused)
    async with office(tmp_path) as (driver, brain):
        told = await driver.ask(ONE_OPEN, thread="a")
        assert [who for who, _, _ in brain.worked] == ["invoices"]
        assert told.answer["missing"] == [f"No specialist takes: {UNSURE}"]
        nothing = await driver.ask(BOTH_OPEN, thread="b")
        assert nothing.answer["status"] == "declined"
        assert len(brain.worked) == 1
