"""Plans within plans: a task that another specialist does, within what its parent may."""

from __future__ import annotations

from pathlib import Path

from runtime.canonical import Json
from tests.graphs.cast import Cast, at_attempts, gives, task
from tests.graphs.installation import installation, scripted_server, specialist, written
from tests.provider import ScriptedProvider

CLASSES: dict[str, Json] = {
    "outer": {"depth": 2, "task_dollars": 0.5, "dollars": 1.0},
    "inner": {"depth": 2, "tasks": 5, "width": 32, "attempts": 2},
}


def outer(**more: Json) -> str:
    sub = {
        "id": "sub",
        "objective": "[sub] Have it worked out.",
        "specialist": "inner",
        "inputs": {"number": {"value": 3}},
        "output": {"type": "object", "required": ["sum"]},
    }
    tasks = [sub, task("own", inputs={"sum": {"from": "sub", "select": "sum"}})]
    outputs = {"sum": {"from": "sub", "select": "sum"}, "own": {"from": "own"}}
    return specialist("outer", tasks, outputs=outputs, effort="outer", **more)


def inner(**more: Json) -> str:
    tasks = [
        task("left", inputs={"n": {"from": "request", "select": "number"}}),
        task("right"),
        task("sum", inputs={"l": {"from": "left"}, "r": {"from": "right"}}),
    ]
    return specialist(
        "inner",
        tasks,
        outputs={"sum": {"from": "sum", "select": "value"}},
        effort="inner",
        inputs={"number": {"schema": {"type": "integer"}}},
        **more,
    )


async def test_a_task_of_a_deep_specialist_runs_by_a_plan_of_its_own(tmp_path: Path) -> None:
    cast = Cast({name: gives({"value": 7}) for name in ("left", "right", "sum", "own")})
    with ScriptedProvider(cast) as provider:
        config = written(tmp_path, provider=provider, limits=CLASSES)
        async with installation(tmp_path, outer(), inner(), config=config) as driver:
            told = await driver.ask("@outer go")
            run = told.answer["run"]
            ledger = driver.services.ledger
            accepted = [one.task for one in await ledger.tasks.results_of(run)]
            budgets = [await ledger.budgets.get(f"{run}:{id}") for id in ("d1", "d1/sub")]
    assert told.answer["status"] == "done", told.message
    assert told.answer["outcomes"][0]["outputs"] == {"sum": 7, "own": {"value": 7}}
    assert sorted(accepted[:2]) == ["d1/sub/left", "d1/sub/right"]
    assert accepted[2:] == ["d1/sub/sum", "d1/sub", "d1/own"]
    assert '"n": 3' in cast.briefs["left"][0]
    assert "Have it worked out" not in cast.briefs["left"][0]
    assert [one.ceiling for one in budgets if one] == [1.0, 0.5]
    assert all(one.spent > 0 and abs(one.reserved) < 1e-9 for one in budgets if one)


async def test_what_the_inner_plan_lacks_fails_the_outer_task_with_the_reason(
    tmp_path: Path,
) -> None:
    wrong = gives({"value": "x"})
    cast = Cast({"left": gives({"value": 1}), "right": wrong, "own": gives({"value": 1})})
    with ScriptedProvider(cast) as provider:
        config = written(tmp_path, provider=provider, limits=CLASSES)
        async with installation(tmp_path, outer(), inner(), config=config) as driver:
            told = await driver.ask("@outer go")
    assert told.answer["status"] == "incomplete"
    (sub,) = [why for why in told.answer["missing"] if why.startswith("sub: ")]
    assert "right: " in sub
    assert "'x' is not of type 'integer'" in sub
    assert cast.attempts["left"] == 1
    assert "own" not in cast.attempts


async def test_the_limits_of_the_parent_hold_for_the_child(tmp_path: Path) -> None:
    limits = {"outer": {"depth": 2, "attempts": 1, "escalations": 0}, "inner": {"attempts": 3}}
    parts = {"left": at_attempts({"value": "x"}, {"value": 1}), "right": gives({"value": 1})}
    cast = Cast(parts)
    with ScriptedProvider(cast) as provider:
        config = written(tmp_path, provider=provider, limits=limits)
        async with installation(tmp_path, outer(), inner(), config=config) as driver:
            told = await driver.ask("@outer go")
    assert told.answer["status"] == "incomplete"
    assert cast.attempts["left"] == 1


async def test_a_plan_too_deep_is_refused_before_anything_is_spent(tmp_path: Path) -> None:
    cast = Cast({})
    with ScriptedProvider(cast) as provider:
        limits = {"outer": {"depth": 1}, "inner": {"depth": 1}}
        config = written(tmp_path, provider=provider, limits=limits)
        async with installation(tmp_path, outer(), inner(), config=config) as driver:
            told = await driver.ask("@outer go")
            calls = await driver.services.ledger.spend.of_run(told.answer["run"])
    assert told.answer["status"] == "failed"
    assert "limit 'depth' of 1" in told.message
    assert calls == []


async def test_a_child_gets_no_tool_and_no_data_that_its_parent_lacks(tmp_path: Path) -> None:
    cast = Cast({})
    with ScriptedProvider(cast) as provider:
        servers = {"desk": scripted_server(tmp_path)}
        config = written(tmp_path, provider=provider, limits=CLASSES, servers=servers)
        texts = (
            outer(data="public"),
            inner(tools=["desk_say"], data="internal"),
        )
        async with installation(tmp_path, *texts, config=config) as driver:
            told = await driver.ask("@outer go")
    assert told.answer["status"] == "failed"
    assert "It needs tool 'desk_say', which this job may not use itself." in told.message
    assert "It works on internal data, and this job only on public." in told.message


async def test_a_childs_plan_is_signed_where_the_child_asks_for_it(tmp_path: Path) -> None:
    cast = Cast({name: gives({"value": 7}) for name in ("left", "right", "sum", "own")})
    with ScriptedProvider(cast) as provider:
        config = written(tmp_path, provider=provider, limits=CLASSES)
        texts = (outer(), inner(approval="plan"))
        async with installation(tmp_path, *texts, config=config) as driver:
            told = await driver.ask("@outer go", decide=lambda _question: "approve")
    (asked,) = told.questions
    assert (asked["kind"], asked["task"]) == ("plan", "d1/sub")
    assert told.answer["status"] == "done", told.message


async def test_the_ceiling_of_the_childs_class_holds_for_its_plan(tmp_path: Path) -> None:
    cast = Cast({name: gives({"value": 7}) for name in ("left", "right", "sum", "own")})
    limits = CLASSES | {"inner": CLASSES["inner"] | {"dollars": 0.0}}
    with ScriptedProvider(cast) as provider:
        config = written(tmp_path, provider=provider, limits=limits)
        async with installation(tmp_path, outer(), inner(), config=config) as driver:
            told = await driver.ask("@outer go")
    assert told.answer["status"] == "incomplete"
    assert "left" not in cast.attempts


async def test_no_model_plans_from_another_tasks_result(tmp_path: Path) -> None:
    cast = Cast({})
    text = specialist(
        "outer",
        [
            task("first"),
            {
                "id": "sub",
                "objective": "[sub] Have it worked out.",
                "specialist": "inner",
                "inputs": {"number": {"from": "first", "select": "value"}},
                "output": {"type": "object"},
            },
        ],
        outputs={"sum": {"from": "sub"}},
        effort="outer",
    )
    with ScriptedProvider(cast) as provider:
        config = written(tmp_path, provider=provider, limits=CLASSES)
        by_model = inner().replace("by: spec", "by: model")
        async with installation(tmp_path, text, by_model, config=config) as driver:
            told = await driver.ask("@outer go")
    assert told.answer["status"] == "failed"
    assert "input 'number' may hold text from outside" in told.message
    assert cast.attempts == {}
