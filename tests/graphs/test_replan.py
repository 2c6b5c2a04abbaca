"""Bounded replanning: the unfinished part alone is planned anew, what is accepted stays."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from runtime.canonical import Json
from tests.graphs.cast import Cast, Part, at_attempts, gives, task
from tests.graphs.driver import Decide, Driver, Told
from tests.graphs.installation import (
    installation,
    received,
    scripted_server,
    specialist,
    written,
)
from tests.graphs.workers import Work, calls, deliver
from tests.provider import Reply, ScriptedProvider

WRONG: Json = {"value": "x"}


def plan(*tasks: Json) -> Json:
    return {"tasks": [{"inputs": {}, "tools": []} | one for one in tasks]}


FIRST = plan(task("base"), task("end", inputs={"base": {"from": "base"}}))
SECOND = plan(
    task("detour", inputs={"base": {"from": "base"}}),
    task("end", inputs={"by": {"from": "detour"}}),
)


async def run_with(
    home: Path,
    parts: dict[str, Part],
    plans: list[Json],
    *,
    decide: Decide | None = None,
    more: Mapping[str, Json] | None = None,
    **limits: Json,
) -> tuple[Told, Cast, list[str | None]]:
    cast = Cast(parts, plans=plans)
    outline = [task("base"), task("end", inputs={"base": {"from": "base"}})]
    outputs = {"end": {"from": "end"}}
    text = specialist("job", outline, outputs=outputs, by="model", effort="class", **(more or {}))
    with ScriptedProvider(cast) as provider:
        given = {"attempts": 1, "escalations": 0} | limits
        servers = {"desk": scripted_server(home)}
        config = written(home, provider=provider, limits={"class": given}, servers=servers)
        async with installation(home, text, config=config) as driver:
            told = await driver.ask("@job go", decide=decide)
            drawn = await drawn_by(driver, told)
    return told, cast, drawn


async def drawn_by(driver: Driver, told: Told) -> list[str | None]:
    rows = await driver.services.ledger.tasks.plans_of(told.answer["run"])
    return [row.drawn_by for row in rows]


async def test_the_unfinished_part_is_planned_anew_and_the_rest_is_kept(tmp_path: Path) -> None:
    parts = {
        "base": gives({"value": 1}),
        "end": at_attempts(WRONG, {"value": 3}),
        "detour": gives({"value": 2}),
    }
    told, cast, drawn = await run_with(tmp_path, parts, [FIRST, SECOND], replans=1)
    assert told.answer["status"] == "done", told.message
    assert told.answer["outcomes"][0]["outputs"] == {"end": {"value": 3}}
    assert cast.attempts == {"base": 1, "end": 2, "detour": 1}
    assert drawn == ["model", "replan"]
    assert "- base: output" in cast.asked[1]
    assert "'x'" not in cast.asked[1]


async def test_without_a_replan_left_the_answer_says_what_is_missing(tmp_path: Path) -> None:
    parts = {"base": gives({"value": 1}), "end": gives(WRONG)}
    told, cast, drawn = await run_with(tmp_path, parts, [FIRST], replans=0)
    assert told.answer["status"] == "incomplete"
    assert drawn == ["model"]
    assert cast.attempts == {"base": 1, "end": 1}


async def test_replans_end_at_their_limit(tmp_path: Path) -> None:
    parts = {"base": gives({"value": 1}), "end": gives(WRONG), "detour": gives({"value": 2})}
    third = plan(task("end", inputs={"by": {"from": "detour"}, "again": {"value": 1}}))
    told, cast, drawn = await run_with(tmp_path, parts, [FIRST, SECOND, third], replans=2)
    assert told.answer["status"] == "incomplete"
    assert drawn == ["model", "replan", "replan"]
    assert cast.attempts == {"base": 1, "end": 3, "detour": 1}


async def test_a_new_plan_that_is_not_sound_costs_nothing_that_was_accepted(
    tmp_path: Path,
) -> None:
    parts = {"base": gives({"value": 1}), "end": gives(WRONG)}
    cyclic = plan(
        task("left", inputs={"r": {"from": "right"}}), task("right", inputs={"l": {"from": "left"}})
    )
    told, cast, drawn = await run_with(tmp_path, parts, [FIRST, cyclic, cyclic], replans=1)
    assert told.answer["status"] == "incomplete"
    assert drawn == ["model"]
    assert "wait for each other in a cycle" in cast.asked[2]
    assert cast.attempts == {"base": 1, "end": 1}


async def test_equal_tasks_are_done_once(tmp_path: Path) -> None:
    twin = task("base") | {"id": "twin"}
    both = task("end", inputs={"one": {"from": "base"}, "other": {"from": "twin"}})
    parts = {"base": gives({"value": 1}), "end": gives({"value": 2})}
    told, cast, _ = await run_with(tmp_path, parts, [plan(task("base"), twin, both)])
    assert told.answer["status"] == "done", told.message
    assert cast.attempts == {"base": 1, "end": 1}
    assert '"other": {"value": 1}' in cast.briefs["end"][0]


async def test_what_changed_the_world_is_not_planned_anew(tmp_path: Path) -> None:
    def sends(work: Work, _attempt: int) -> Reply:
        return calls("desk_send", {"to": "ann"}) if work.begins else deliver(WRONG)

    sending = task("end", inputs={"base": {"from": "base"}}, tools=["desk_send"])
    again = task("again", inputs={"base": {"from": "base"}}, tools=["desk_send"])
    end = task("end", inputs={"by": {"from": "again"}})
    told, _, drawn = await run_with(
        tmp_path,
        {"base": gives({"value": 1}), "end": sends, "again": sends},
        [plan(task("base"), sending), plan(again, end)],
        decide=lambda _question: "approve",
        more={"tools": ["desk_send"]},
        replans=1,
    )
    assert told.answer["status"] == "incomplete"
    assert drawn == ["model"]
    assert [one["tool"] for one in received(tmp_path)] == ["send"]


async def test_a_new_plan_is_signed_like_the_first_one(tmp_path: Path) -> None:
    parts = {
        "base": gives({"value": 1}),
        "end": at_attempts(WRONG, {"value": 3}),
        "detour": gives({"value": 2}),
    }
    answers = iter(["approve", "refuse"])
    told, cast, drawn = await run_with(
        tmp_path,
        parts,
        [FIRST, SECOND],
        decide=lambda _question: next(answers),
        more={"approval": "plan"},
        replans=1,
    )
    assert [question["kind"] for question in told.questions] == ["plan", "plan"]
    assert told.answer["status"] == "incomplete"
    assert drawn == ["model", "replan"]
    assert cast.attempts == {"base": 1, "end": 1}
