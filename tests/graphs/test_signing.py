"""A person signs a plan, edits it, or refuses it, before anything is executed."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

from runtime.canonical import Json
from tests.graphs.cast import Cast, gives, task
from tests.graphs.driver import Told
from tests.graphs.installation import installation, specialist, written
from tests.provider import ScriptedProvider


async def run_with(home: Path, decide: object) -> tuple[Told, Cast, list[str | None]]:
    parts = {name: gives({"value": 7}) for name in ("one", "two", "added")}
    cast = Cast(parts)
    tasks = [task("one"), task("two", inputs={"one": {"from": "one"}})]
    text = specialist("job", tasks, outputs={"two": {"from": "two"}}, approval="plan")
    with ScriptedProvider(cast) as provider:
        config = written(home, provider=provider)
        async with installation(home, text, config=config) as driver:
            told = await driver.ask("@job go", decide=decide)  # type: ignore[arg-type]
            run = (await driver.services.ledger.runs.latest(1))[0].id
            rows = await driver.services.ledger.tasks.plans_of(run)
    return told, cast, [row.drawn_by for row in rows]


async def test_nothing_is_called_before_a_signature_nor_after_a_refusal(tmp_path: Path) -> None:
    told, cast, _ = await run_with(tmp_path / "a", None)
    assert [question["kind"] for question in told.questions] == ["plan"]
    assert cast.attempts == {}
    told, cast, _ = await run_with(tmp_path / "b", lambda _question: "refuse")
    assert told.answer["status"] == "declined"
    assert cast.attempts == {}


async def test_a_signed_plan_runs_as_it_is(tmp_path: Path) -> None:
    told, cast, drawn = await run_with(tmp_path, lambda _question: "approve")
    assert told.answer["status"] == "done"
    assert cast.attempts == {"one": 1, "two": 1}
    assert drawn == ["spec"]


async def test_an_edited_plan_runs_as_it_was_edited(tmp_path: Path) -> None:
    def decide(question: Json) -> Json:
        plan = deepcopy(question["question"]["plan"])
        plan["tasks"].append(task("added"))
        return {"decision": "approve", "plan": plan}

    told, cast, drawn = await run_with(tmp_path, decide)
    assert told.answer["status"] == "done", told.message
    assert cast.attempts == {"one": 1, "two": 1, "added": 1}
    assert drawn == ["spec", "person: local"]


async def test_an_edit_with_a_mistake_is_put_back_with_the_mistake(tmp_path: Path) -> None:
    asked: list[Json] = []

    def decide(question: Json) -> Json:
        asked.append(question["question"])
        plan = deepcopy(question["question"]["plan"])
        if len(asked) == 1:
            plan["tasks"][0]["tools"] = ["crm_send_everything"]
            return {"decision": "approve", "plan": plan}
        if len(asked) == 2:
            return "approve"
        plan["tasks"][0]["tools"] = []
        return {"decision": "approve", "plan": plan}

    told, cast, _ = await run_with(tmp_path, decide)
    assert "crm_send_everything" in asked[1]["problems"][0]
    assert asked[2]["problems"] == asked[1]["problems"]
    assert len(asked) == 3
    assert told.answer["status"] == "done", told.message
    assert cast.attempts == {"one": 1, "two": 1}
