"""What follows a rejected attempt: reasons in the brief, a stronger tier, another one, a person."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

from ledger.store import open_ledger
from runtime.canonical import Json
from runtime.settings import Settings
from tests.graphs.cast import Cast, at_attempts, gives, task
from tests.graphs.driver import Driver, Told
from tests.graphs.installation import installation, specialist, written
from tests.graphs.workers import Work, deliver
from tests.provider import Reply, ScriptedProvider
from tests.provider.faults import Fault, Hang

WRONG: Json = {"value": "seven"}
RIGHT: Json = {"value": 7}


async def run_with(
    home: Path, cast: Cast, tasks: list[Json], *, decide: object = None, **limits: Json
) -> tuple[Told, Driver]:
    outputs = {one["id"]: {"from": one["id"]} for one in tasks}
    text = specialist("job", tasks, outputs=outputs, effort="class")
    with ScriptedProvider(cast) as provider:
        config = written(home, provider=provider, limits={"class": limits})
        async with installation(home, text, config=config) as driver:
            told = await driver.ask("@job go", decide=decide)  # type: ignore[arg-type]
            return told, driver


async def states(home: Path, id: str) -> list[tuple[str, int]]:
    async with open_ledger(Settings(home=home).ledger) as ledger:
        runs = await ledger.runs.latest(1)
        history = await ledger.tasks.history(runs[0].id)
    return [(row.state, row.attempt) for row in history if row.task == f"d1/{id}"]


async def test_a_rejected_attempt_is_told_why_and_the_next_one_counts(tmp_path: Path) -> None:
    cast = Cast({"one": at_attempts(WRONG, RIGHT)})
    told, _ = await run_with(tmp_path, cast, [task("one")], attempts=2)
    assert told.answer["status"] == "done"
    assert told.answer["outcomes"][0]["outputs"] == {"one": RIGHT}
    assert "## Rejected" not in cast.briefs["one"][0]
    assert "'seven' is not of type 'integer'" in cast.briefs["one"][1]
    assert await states(tmp_path, "one") == [
        ("running", 1),
        ("retrying", 1),
        ("running", 2),
        ("accepted", 2),
    ]


async def test_the_stronger_tier_tries_after_the_cheap_one(tmp_path: Path) -> None:
    cast = Cast({"one": at_attempts(WRONG, WRONG, RIGHT)})
    told, _ = await run_with(tmp_path, cast, [task("one")], attempts=2, escalations=1)
    assert told.answer["status"] == "done"
    assert await states(tmp_path, "one") == [
        ("running", 1),
        ("retrying", 1),
        ("running", 2),
        ("escalated", 2),
        ("running", 3),
        ("accepted", 3),
    ]


async def test_a_rejected_attempt_is_not_made_again_after_a_crash(tmp_path: Path) -> None:
    reached = threading.Event()

    def part(_work: Work, attempt: int) -> Reply | Fault:
        if attempt == 2:
            reached.set()
            return Hang()
        return deliver(WRONG if attempt == 1 else RIGHT)

    cast = Cast({"one": part})
    text = specialist("job", [task("one")], outputs={"one": {"from": "one"}}, effort="class")
    with ScriptedProvider(cast) as provider:
        config = written(tmp_path, provider=provider, limits={"class": {"attempts": 3}})
        async with installation(tmp_path, text, config=config) as driver:
            asking = asyncio.create_task(driver.ask("@job go"))
            await asyncio.to_thread(reached.wait, 30)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
        async with installation(tmp_path, text, config=config) as driver:
            state = await driver.graph.ainvoke(
                None,  # type: ignore[arg-type]
                {"configurable": {"thread_id": "t1"}},
                context={},  # type: ignore[arg-type]
            )
    assert state["answer"]["status"] == "done", state["answer"]["missing"]
    assert "is not of type 'integer'" in cast.briefs["one"][2]
    assert await states(tmp_path, "one") == [
        ("running", 1),
        ("retrying", 1),
        ("running", 2),
        ("accepted", 2),
    ]


async def test_what_depends_on_a_failed_task_is_blocked_and_the_rest_finishes(
    tmp_path: Path,
) -> None:
    after = {"inputs": {"given": {"from": "bad"}}}
    far = {"inputs": {"given": {"from": "after"}}}
    tasks = [task("bad"), task("after", **after), task("far", **far), task("good")]
    cast = Cast({"bad": gives(WRONG), "good": gives(RIGHT)})
    told, _ = await run_with(tmp_path, cast, tasks, attempts=1, escalations=0)
    assert told.answer["status"] == "incomplete"
    missing = told.answer["missing"]
    assert any(one.startswith("after: blocked: 'bad'") for one in missing)
    assert any(one.startswith("far: blocked: 'bad'") for one in missing)
    assert told.answer["outcomes"][0]["outputs"]["good"] == RIGHT
    assert cast.attempts == {"bad": 1, "good": 1}


async def test_a_person_advises_one_more_try(tmp_path: Path) -> None:
    cast = Cast({"one": at_attempts(WRONG, WRONG, RIGHT)})

    def decide(question: Json) -> Json:
        assert question["kind"] == "task"
        assert "is not of type 'integer'" in question["question"]["reasons"][0]
        return {"decision": "approve", "text": "Write the number as digits."}

    told, _ = await run_with(
        tmp_path, cast, [task("one")], decide=decide, attempts=1, escalations=1, asks=1
    )
    assert told.answer["status"] == "done", told.message
    assert "## Advice\nWrite the number as digits." in cast.briefs["one"][2]


async def test_a_person_gives_the_result_or_lets_it_fail(tmp_path: Path) -> None:
    tasks = [task("given"), task("left")]

    def decide(question: Json) -> Json:
        if question["task"] == "d1/given":
            return {"decision": "approve", "output": {"value": 12}}
        return "refuse"

    cast = Cast({"given": gives(WRONG), "left": gives(WRONG)})
    told, _ = await run_with(
        tmp_path, cast, tasks, decide=decide, attempts=1, escalations=0, asks=1
    )
    assert told.answer["status"] == "incomplete"
    assert told.answer["outcomes"][0]["outputs"]["given"] == {"value": 12}
    assert any("let it fail" in why for why in told.answer["missing"])
    assert cast.attempts == {"given": 1, "left": 1}


async def test_another_specialist_takes_over_when_the_own_one_fails(tmp_path: Path) -> None:
    cast = Cast({"one": at_attempts(WRONG, WRONG, RIGHT)})
    helper = """---
name: helper
kind: react
summary: Takes over what others could not do.
intents: [{name: help, examples: [help me a, help me b, help me c]}]
outputs: {type: object}
escalation: {to: "team: desk", when: Never.}
owner: "team: desk"
---
You are the helper, who does it properly.
"""
    text = specialist(
        "job",
        [task("one")],
        outputs={"one": {"from": "one"}},
        escalation={"to": "helper", "when": "A task fails."},
    )
    with ScriptedProvider(cast) as provider:
        config = written(tmp_path, provider=provider)
        async with installation(tmp_path, text, helper, config=config) as driver:
            told = await driver.ask("@job go")
            calls = await driver.services.ledger.spend.of_run(told.answer["run"])
    assert told.answer["status"] == "done", told.message
    assert [call.specialist for call in calls if call.task == "d1/one"] == ["job", "job", "helper"]
    assert "You are the helper" in provider.requests[-1].raw.decode()


async def test_a_judge_sends_a_result_back_with_its_reasons(tmp_path: Path) -> None:
    cast = Cast(
        {"one": at_attempts({"value": 1}, {"value": 2})},
        verdicts=[
            {"verdict": "revise", "score": 0.2, "reasons": ["The value is odd."]},
            {"verdict": "accept", "score": 0.9, "reasons": []},
        ],
    )
    told, _ = await run_with(
        tmp_path, cast, [task("one", criteria=["The value is even."])], attempts=2
    )
    assert told.answer["outcomes"][0]["outputs"] == {"one": {"value": 2}}
    assert "The value is odd." in cast.briefs["one"][1]
    assert "- The value is even." in cast.asked[0]
