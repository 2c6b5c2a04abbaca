"""Twelve tasks side by side: one crashes, one hangs, one loops, one asks a person, eight work.

What the eight do is counted three times: in the ledger, at the model's server and at the tools'.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from runtime.canonical import Json
from tests.graphs.driver import Driver, Told
from tests.graphs.installation import (
    go_on,
    installation,
    received,
    scripted_server,
    specialist,
    written,
)
from tests.graphs.workers import Work, asked_for, calls, deliver, work_of
from tests.provider import (
    BrokenJson,
    Exchange,
    Hang,
    Reply,
    ScriptedProvider,
    SeededBrain,
    server_error,
)
from tests.provider.faults import Fault

pytestmark = pytest.mark.asyncio(loop_scope="module")

WORKING = tuple(f"works-{number}" for number in range(8))
CRASHES, HANGS, LOOPS, ASKS = "crashes", "hangs", "loops", "asks"
ALL = (*WORKING, CRASHES, HANGS, LOOPS, ASKS)
AFTER = {"after-works": "works-0", "after-crashes": CRASHES, "after-asks": ASKS}
HANG_SECONDS = 6
RESULT: Json = {
    "type": "object",
    "additionalProperties": False,
    "required": ["said", "evidence"],
    "properties": {
        "said": {"type": "string"},
        "evidence": {"type": "array", "minItems": 1, "items": {"type": "string"}},
    },
}


class Shift:
    """The model: four of its workers are in trouble, each in a way of its own."""

    def reply(self, exchange: Exchange) -> Reply | Fault:
        work = work_of(exchange)
        if work is None:
            return SeededBrain(1).reply(exchange)
        match work.task:
            case "crashes":
                return server_error() if "## Rejected" not in work.text else BrokenJson()
            case "hangs":
                return Hang()
            case "loops":
                return calls("desk_add", {"a": 1, "b": 1})
            case "asks":
                return calls("desk_send", {"to": "ann"}) if work.begins else _told(work, "sent")
            case _:
                return calls("desk_say", {"text": work.task}) if work.begins else _told(work)


def _told(work: Work, said: str = "") -> Reply:
    return deliver({"said": said or work.returned[0].data, "evidence": work.evidence})


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Calls by task, from the ledger and from those who were called."""

    models: dict[str, int]
    tools: dict[str, int]
    models_served: dict[str, int]
    tools_served: dict[str, int]
    """By what was asked: `say works-0`, `send ann`."""

    @property
    def of_all_but_who_asked(self) -> tuple[dict[str, int], ...]:
        mine = {ASKS, "send ann", *AFTER, *(f"say {task}" for task in AFTER)}
        return tuple(
            {name: count for name, count in counts.items() if name not in mine}
            for counts in (self.models, self.tools, self.models_served, self.tools_served)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    driver: Driver
    provider: ScriptedProvider
    home: Path

    async def counts(self, run: str) -> Counts:
        ledger = self.driver.services.ledger
        models = Counter(_name(call.task) for call in await ledger.spend.of_run(run))
        tools = Counter(
            _name(call.task)
            for call in await ledger.calls.of_run(run)
            if call.outcome not in ("pending", "denied")
        )
        served = Counter(asked_for(request) for request in self.provider.calls)
        named = (f"{one['tool']} {_what(one['arguments'])}" for one in received(self.home))
        return Counts(
            models=dict(models),
            tools=dict(tools),
            models_served=dict(served),
            tools_served=dict(Counter(named)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Halves:
    """One run: up to the question, and after its answer."""

    run: str
    first: Told
    before: Counts
    states: dict[str, str]
    second: Told
    after: Counts


def _name(task: str) -> str:
    return task.partition("/")[2]


def _what(arguments: dict[str, Json]) -> Json:
    return arguments.get("text") or arguments.get("to") or "numbers"


def _task(id: str, **more: Json) -> dict[str, Json]:
    tool = {LOOPS: "desk_add", ASKS: "desk_send"}.get(id, "desk_say")
    return {"id": id, "objective": f"[{id}] Do this.", "tools": [tool], "output": RESULT} | more


def _plan() -> str:
    # What the eight say goes by an input, so that no two tasks are the same.
    tasks = [_task(id, inputs={"which": {"value": id}}) for id in ALL]
    tasks += [
        _task(id, inputs={"which": {"from": source, "select": "said"}})
        for id, source in AFTER.items()
    ]
    return specialist(
        "twelve",
        tasks,
        outputs={id: {"from": id, "select": "said"} for id in (*ALL, *AFTER)},
        tools=["desk_say", "desk_add", "desk_send"],
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def crew(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Crew]:
    home = tmp_path_factory.mktemp("home")
    with ScriptedProvider(Shift()) as provider:
        limits = {"width": 12, "task_seconds": HANG_SECONDS, "model_calls": 5}
        config = written(
            home,
            provider=provider,
            servers={"desk": scripted_server(home)},
            limits={"standard": limits},
            timeout=60,
        )
        async with installation(home, _plan(), config=config) as driver:
            yield Crew(driver=driver, provider=provider, home=home)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def halves(crew: Crew) -> Halves:
    """The run of this file."""
    first = await crew.driver.ask("Do all of it", specialist="twelve")
    tasks = crew.driver.services.ledger.tasks
    run = (await crew.driver.services.ledger.runs.latest(1))[0].id
    before = await crew.counts(run)
    states = {_name(row.task): row.state for row in await tasks.states(run)}
    second = await go_on(crew.driver, "t1")
    return Halves(
        run=run,
        first=first,
        before=before,
        states=states,
        second=second,
        after=await crew.counts(run),
    )


async def test_eight_of_twelve_finish_while_the_others_are_in_trouble(
    crew: Crew, halves: Halves
) -> None:
    assert {halves.states[id] for id in WORKING} == {"accepted"}
    assert halves.states["after-works"] == "accepted"
    assert (halves.states[CRASHES], halves.states[HANGS]) == ("failed", "failed")
    assert (halves.states[LOOPS], halves.states[ASKS]) == ("failed", "paused")
    history = await crew.driver.services.ledger.tasks.history(halves.run)
    accepted = [row for row in history if row.state == "accepted" and _name(row.task) in WORKING]
    first_trouble = min(row.at for row in history if row.task == f"d1/{HANGS}" and row.attempt == 2)
    assert len(accepted) == len(WORKING)
    # They were done while the hanging one was still hanging.
    assert all(row.at < first_trouble and row.attempt == 1 for row in accepted)


async def test_all_twelve_work_at_the_same_time(crew: Crew, halves: Halves) -> None:
    history = await crew.driver.services.ledger.tasks.history(halves.run)
    ended = next(row.id for row in history if row.state in ("accepted", "failed"))
    running = {_name(row.task) for row in history if row.state == "running" and row.id < ended}
    assert running == set(ALL)


async def test_the_eight_make_exactly_their_own_calls(halves: Halves) -> None:
    for id in (*WORKING, "after-works"):
        assert halves.before.models[id] == halves.before.models_served[id] == 2, id
        assert halves.before.tools[id] == halves.before.tools_served[f"say {id}"] == 1, id


async def test_each_trouble_ends_by_its_own_limit_and_says_so(halves: Halves) -> None:
    missing = {
        line.partition(":")[0]: line.partition(": ")[2] for line in halves.second.answer["missing"]
    }
    assert missing.keys() == {CRASHES, HANGS, LOOPS, "after-crashes"}
    assert "task_seconds" in missing[HANGS]
    assert missing[LOOPS]
    assert missing[CRASHES]
    assert CRASHES in missing["after-crashes"]
    # A loop is stopped before the third identical call of an attempt.
    assert halves.before.tools_served["add numbers"] == 2 * 2


async def test_one_question_is_put_and_nothing_was_sent_before_its_answer(halves: Halves) -> None:
    (question,) = halves.first.questions
    assert question["task"] == f"d1/{ASKS}"
    assert question["question"]["arguments"] == {"to": "ann"}
    assert "send ann" not in halves.before.tools_served
    assert halves.after.tools_served["send ann"] == 1
    assert "after-asks" not in halves.states


async def test_after_the_approval_nothing_else_ran_again(halves: Halves) -> None:
    assert halves.after.of_all_but_who_asked == halves.before.of_all_but_who_asked
    assert halves.after.models[ASKS] == halves.after.models_served[ASKS] == 2
    assert halves.after.models["after-asks"] == halves.after.models_served["after-asks"] == 2
    assert halves.after.tools[ASKS] == 1
    outputs = halves.second.answer["outcomes"][0]["outputs"]
    assert halves.second.answer["status"] == "incomplete"
    assert {id: outputs[id] for id in WORKING} == {id: id for id in WORKING}
    assert (outputs[ASKS], outputs["after-asks"]) == ("sent", "after-asks")
