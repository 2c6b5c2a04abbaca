"""Bounded replanning: the unfinished part alone is planned anew, what is accepted stays."""

from __future__ import annotations

from pathlib import Path

from runtime.canonical import Json
from tests.graphs.cast import Cast, Part, at_attempts, gives, task
from tests.graphs.driver import Driver, Told
from tests.graphs.installation import installation, specialist, written
from tests.provider import ScriptedProvider

WRONG: Json = {"value": "x"}


def plan(*tasks: Json) -> Json:
    return {"tasks": [{"inputs": {}, "tools": []} | one for one in tasks]}


FIRST = plan(task("base"), task("end", inputs={"base": {"from": "base"}}))
SECOND = plan(
    task("detour", inputs={"base": {"from": "base"}}),
    task("end", inputs={"by": {"from": "detour"}}),
)


async def run_with(
    home: Path, parts: dict[str, Part], plans: list[Json], **limits: Json
) -> tuple[Told, Cast, list[str | None]]:
    cast = Cast(parts, plans=plans)
    outline = [task("base"), task("end", inputs={"base": {"from": "base"}})]
    outputs = {"end": {"from": "end"}}
    text = specialist("job", outline, outputs=outputs, by="model", effort="class")
    with ScriptedProvider(cast) as provider:
        given = {"attempts": 1, "escalations": 0} | limits
        config = written(home, provider=provider, limits={"class": given})
        async with installation(home, text, config=config) as driver:
            told = await driver.ask("@job go")
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
