"""Several dispatches of one request: in parallel where they may, in order where they must."""

from __future__ import annotations

from pathlib import Path

from runtime.canonical import Json
from tests.graphs.clerks import INVOICES, OFFICE, clerk, office
from tests.graphs.driver import Told


def order(told: Told) -> list[tuple[str, str]]:
    """The begins and ends of dispatches, as they were told."""
    return [
        (event["task"], event["state"])
        for event in told.of("task")
        if event["state"] in ("running", "accepted")
    ]


async def test_independent_dispatches_run_at_the_same_time(tmp_path: Path) -> None:
    async with office(tmp_path) as (driver, brain):
        told = await driver.ask("@inv Is invoice 7 paid? @north where is 12? @south where is 13?")
        states = order(told)
        assert {task for task, state in states[:3] if state == "running"} == {"d1", "d2", "d3"}
        assert {task for task, state in states[3:] if state == "accepted"} == {"d1", "d2", "d3"}
        assert len(brain.worked) == 3
        assert [one["specialist"] for one in told.answer["outcomes"]] == [
            "invoices",
            "north",
            "south",
        ]


async def test_a_dispatch_that_refers_back_waits_and_gets_the_result(tmp_path: Path) -> None:
    async with office(tmp_path) as (driver, brain):
        told = await driver.ask("@inv Is invoice 7 paid? @mail mail it to her @north where is 12?")
        states = order(told)
        assert states.index(("d2", "running")) > states.index(("d1", "accepted"))
        assert states.index(("d3", "running")) < states.index(("d1", "accepted"))
        upstream: Json = next(given for who, _, given in brain.worked if who == "mail")["upstream"]
        assert upstream == {
            "d1": {
                "request": "Is invoice 7 paid?",
                "outputs": {"answer": "invoices did: Is invoice 7 paid?"},
            }
        }


async def test_the_merged_answer_names_each_part_and_what_it_was_asked(tmp_path: Path) -> None:
    async with office(tmp_path) as (driver, _):
        told = await driver.ask("@inv Is invoice 7 paid? @mail mail it to her")
        assert told.answer["text"] == (
            "**1. Is invoice 7 paid?** (invoices)\n\n"
            "invoices did: Is invoice 7 paid?\n\n"
            "**2. mail it to her** (mail, after 1)\n\n"
            "mail did: mail it to her"
        )
        assert told.message.count("audit: switchyard runs show") == 1


async def test_a_part_without_a_result_says_so_where_it_stands(tmp_path: Path) -> None:
    secret = clerk("invoices", INVOICES, data="regulated", summary="Shows invoices.")
    async with office(tmp_path, *OFFICE[:2], secret, *OFFICE[3:]) as (driver, _):
        # The scripted deployments are cleared for internal data only.
        told = await driver.ask("@inv Is invoice 7 paid? @mail mail it to her")
        assert "**1. Is invoice 7 paid?** (invoices, failed)" in told.answer["text"]
        assert (
            "**2. mail it to her** (mail, after 1, failed)\n\n"
            "Not started: it needs the result of d1, which has none."
        ) in told.answer["text"]


async def test_one_dispatch_is_answered_without_any_heading(tmp_path: Path) -> None:
    async with office(tmp_path) as (driver, _):
        told = await driver.ask("Is invoice 7 paid?")
        assert told.answer["text"] == "invoices did: Is invoice 7 paid?"
