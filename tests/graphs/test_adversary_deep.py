"""The deep harness under models that misbehave: with seeds that nobody has seen before as well.

A planner may hand over anything. What comes of it is a plan that holds, or a refusal before a tool
or a worker was called; what workers then claim is accepted only as far as the record bears it out.
"""

from __future__ import annotations

import datetime
import hashlib
import subprocess
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from harness.plan import Plan
from runtime.canonical import Json
from runtime.settings import ROOT
from tests.graphs.driver import Driver, Told
from tests.graphs.installation import installation, received, scripted_server, written
from tests.graphs.test_any_model import FINAL, check_record
from tests.graphs.workers import deliver, work_of
from tests.graphs.wrong_plans import (
    CRITERION,
    JOINED,
    PLANNER,
    STRICT,
    WORDS,
    WRONG,
    Draft,
    sound,
    twins,
)
from tests.provider import (
    AdversarialBrain,
    Brain,
    Exchange,
    Mischief,
    Reply,
    ScriptedProvider,
    SeededBrain,
    ToolCall,
)
from tests.provider.faults import Fault

pytestmark = pytest.mark.asyncio(loop_scope="module")


def fresh(count: int) -> list[int]:
    """Seeds that are others on every day and for every commit; a failed test's name holds them."""
    try:
        commit = subprocess.run(
            ["git", "rev-parse", "HEAD"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        ).stdout
    except OSError:
        commit = ""
    day = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
    return [
        int(hashlib.sha256(f"{day} {commit} {number}".encode()).hexdigest()[:8], 16)
        for number in range(count)
    ]


SEEDS = (31, 4159, 2653)
FRESH = fresh(3)


class Talkers:
    """Hands over `drafts` one after another, the last one for ever. Its workers do their work, or
    with `halves` the first half of it."""

    def __init__(self) -> None:
        self.drafts: list[Draft] = []
        self.asked: list[str] = []
        self.halves = False

    def reply(self, exchange: Exchange) -> Reply | Fault:
        if work := work_of(exchange):
            if work.task == "join":
                return deliver({"count": len(work.inputs.get("said", WORDS))})
            if work.begins:
                words = work.inputs["words"][: 1 if self.halves else None]
                said = (ToolCall(name="desk_say", arguments={"text": word}) for word in words)
                return Reply(tool_calls=tuple(said))
            return deliver({"said": [one.data for one in work.returned], "evidence": work.evidence})
        if any(tool.name == "plan" for tool in exchange.tools):
            self.asked.append(exchange.last.text)
            draft = self.drafts.pop(0) if len(self.drafts) > 1 else self.drafts[0]
            return Reply(tool_calls=(ToolCall(name="plan", arguments={"tasks": list(draft)}),))
        return SeededBrain(1).reply(exchange)


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    driver: Driver
    provider: ScriptedProvider
    home: Path
    talkers: Talkers

    async def ask(self, brain: Brain, name: str, specialist: str = "talker") -> Told:
        """One request with this model on all tiers."""
        self.provider.behaviour.brain = brain
        return await self.driver.ask(
            "Say the words", thread=name, decide=lambda _: "refuse", specialist=specialist
        )

    @property
    def done(self) -> list[Json]:
        """Calls that reached the tool server, but for the read that supplies the input."""
        return [one for one in received(self.home) if one["tool"] != "add"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    home, talkers = tmp_path_factory.mktemp("home"), Talkers()
    with ScriptedProvider(talkers) as provider:
        desk = scripted_server(home)
        desk["switchyard"]["untrusted"] = False
        config = written(
            home,
            provider=provider,
            servers={"desk": desk},
            limits={"standard": {"near_duplicates": 0}},
        )
        async with installation(home, PLANNER, STRICT, config=config) as driver:
            yield House(driver=driver, provider=provider, home=home, talkers=talkers)


async def test_a_sound_plan_is_carried_out(house: House) -> None:
    house.talkers.drafts = [sound()]
    told = await house.ask(house.talkers, "sound")
    assert told.answer["status"] == "done", told.message
    assert told.answer["outcomes"][0]["outputs"] == {"count": 5}


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.__name__)
async def test_a_wrong_plan_is_refused_before_a_worker_or_a_tool_is_called(
    house: House, wrong: Callable[[], Draft]
) -> None:
    house.talkers.drafts, house.talkers.asked, before = [wrong()], [], len(house.done)
    told = await house.ask(house.talkers, f"wrong {wrong.__name__}")
    ledger, run = house.driver.services.ledger, told.answer["run"]
    assert told.answer["status"] == "failed"
    assert len(house.done) == before
    assert await ledger.tasks.plans_of(run) == []
    assert await ledger.tasks.results_of(run) == []
    # One round of repair, with the reasons, and no more.
    assert len(house.talkers.asked) == 2
    assert "## Rejected" in house.talkers.asked[1]
    assert {call.tier for call in await ledger.spend.of_run(run)} == {"plan"}


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.__name__)
async def test_a_planner_that_takes_the_objections_in_is_heard(
    house: House, wrong: Callable[[], Draft]
) -> None:
    house.talkers.drafts = [wrong(), sound()]
    told = await house.ask(house.talkers, f"mended {wrong.__name__}")
    assert told.answer["status"] == "done", told.message
    await check_record(house.driver, told)


async def test_a_task_that_repeats_another_is_never_done_twice(house: House) -> None:
    house.talkers.drafts, before = [twins(), sound()], len(house.done)
    told = await house.ask(house.talkers, "twins")
    said = [one["arguments"]["text"] for one in house.done[before:]]
    assert told.answer["status"] == "done", told.message
    assert sorted(said) == sorted(WORDS)


async def test_half_a_result_is_not_accepted_under_the_authors_criteria(house: House) -> None:
    house.talkers.drafts, house.talkers.halves = [sound()], True
    told = await house.ask(house.talkers, "halves")
    house.talkers.halves = False
    assert told.answer["status"] == "incomplete"
    assert len([line for line in told.answer["missing"] if "lacks" in line]) == 2


async def test_a_planner_cannot_escape_the_authors_criteria_by_other_ids(house: House) -> None:
    """A task that stands in for a mapped one is held to what its template demands."""
    *says, join = sound()
    renamed = [{**task, "id": f"talk-{number}"} for number, task in enumerate(says)]
    house.talkers.drafts, house.talkers.halves = [[*renamed, join]], True
    told = await house.ask(house.talkers, "renamed")
    house.talkers.halves = False
    tasks = house.driver.services.ledger.tasks
    results = await tasks.results_of(told.answer["run"])
    assert [row.task for row in results if "talk-" in row.task and len(row.output["said"]) < 2] in (
        [],
        ["d1/talk-2"],
    )


async def test_a_planner_cannot_drop_the_authors_criteria_in_words(house: House) -> None:
    *_, join = sound()
    house.talkers.drafts = [[{**join, "inputs": {}}]]
    told = await house.ask(house.talkers, "dropped", "counter")
    (row,) = await house.driver.services.ledger.tasks.plans_of(told.answer["run"])
    assert Plan.model_validate(row.plan).by_id["join"].criteria == (CRITERION,)


@pytest.mark.parametrize("rate", [1.0, 0.4])
@pytest.mark.parametrize("seed", [*SEEDS, *FRESH])
async def test_whatever_a_model_does_the_record_bears_the_results_out(
    house: House, seed: int, rate: float
) -> None:
    brain = AdversarialBrain(seed, rate=rate, inner=_Honest(seed))
    told = await house.ask(brain, f"adversary {seed} {rate}")
    assert told.answer["status"] in FINAL
    await check_record(house.driver, told)
    ledger, run = house.driver.services.ledger, told.answer["run"]
    plans = await ledger.tasks.plans_of(run)
    for row in plans:
        plan = Plan.model_validate(row.plan)
        assert plan.by_id["join"].output == JOINED
        assert {tool for task in plan.tasks for tool in task.tools} <= {"desk_say", "desk_add"}
    if not plans:
        workers = [call for call in await ledger.spend.of_run(run) if call.tier == "work"]
        assert workers == []


@pytest.mark.parametrize("seed", FRESH)
@pytest.mark.parametrize(
    "mischief",
    [
        {Mischief.PLAN_CYCLE, Mischief.PLAN_UNKNOWN_DEPENDENCY, Mischief.PLAN_DUPLICATE_IDS},
        {Mischief.PLAN_UNKNOWN_TOOLS, Mischief.PLAN_TOO_MANY_TASKS},
    ],
    ids=["shape", "reach"],
)
async def test_an_adversarial_planner_never_gets_a_plan_through(
    house: House, seed: int, mischief: set[Mischief]
) -> None:
    before = len(house.done)
    told = await house.ask(AdversarialBrain(seed, mischief=mischief), f"{mischief} {seed}")
    assert told.answer["status"] == "failed"
    assert "refused" in told.message
    assert len(house.done) == before
    assert await house.driver.services.ledger.tasks.plans_of(told.answer["run"]) == []


class _Honest:
    """A planner that hands over the sound plan; its workers answer by seed."""

    def __init__(self, seed: int) -> None:
        self._workers = SeededBrain(seed)

    def reply(self, exchange: Exchange) -> Reply:
        if any(tool.name == "plan" for tool in exchange.tools):
            return Reply(tool_calls=(ToolCall(name="plan", arguments={"tasks": list(sound())}),))
        return self._workers.reply(exchange)
