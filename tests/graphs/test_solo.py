"""When not to spawn: a short chain goes to one worker, checked as strictly as several."""

from __future__ import annotations

from pathlib import Path

from runtime.canonical import Json
from tests.graphs.cast import task
from tests.graphs.driver import Driver, Told
from tests.graphs.installation import installation, scripted_server, specialist, written
from tests.graphs.workers import deliver
from tests.provider import Exchange, Reply, ScriptedProvider


class OneOrMany:
    """Delivers `whole` as the one worker of a chain, one at each attempt, and 5 for any task."""

    def __init__(self, *whole: Json) -> None:
        self._whole = whole
        self.solo = 0
        self.single = 0

    def reply(self, exchange: Exchange) -> Reply:
        brief = next(turn.text for turn in exchange.turns if turn.role == "user")
        if "## Step 1: first" in brief:
            self.solo += 1
            return deliver(self._whole[min(self.solo, len(self._whole)) - 1])
        self.single += 1
        return deliver({"value": 5})


async def run_with(home: Path, brain: OneOrMany) -> tuple[Told, Driver, list[str]]:
    positive = {"accept": [{"check": "regex", "at": "to_string(value)", "pattern": r"^\d+$"}]}
    tasks = [
        task("first", **positive),
        task("second", inputs={"first": {"from": "first"}}),
    ]
    outputs = {"second": {"from": "second"}}
    text = specialist("job", tasks, outputs=outputs, effort="class")
    with ScriptedProvider(brain) as provider:
        limits = {"class": {"solo_tasks": 3, "attempts": 2, "escalations": 0}}
        config = written(home, provider=provider, limits=limits)
        async with installation(home, text, config=config) as driver:
            told = await driver.ask("@job go")
            results = await driver.services.ledger.tasks.results_of(told.answer["run"])
            return told, driver, sorted(one.task for one in results)


async def test_one_worker_does_a_short_chain_and_the_saving_is_told(tmp_path: Path) -> None:
    brain = OneOrMany({"first": {"value": 1}, "second": {"value": 2}})
    told, _, results = await run_with(tmp_path, brain)
    assert told.answer["status"] == "done", told.message
    assert told.answer["outcomes"][0]["outputs"] == {"second": {"value": 2}}
    assert (brain.solo, brain.single) == (1, 0)
    assert results == ["d1/first", "d1/second", "d1/solo"]
    (event,) = told.of("solo")
    assert event["tasks"] == ["d1/first", "d1/second"]
    assert event["saved"]["model_calls"] == 1


async def test_each_part_is_held_to_its_own_task(tmp_path: Path) -> None:
    wrong = {"first": {"value": -1}, "second": {"value": 2}}
    right = {"first": {"value": 1}, "second": {"value": 2}}
    brain = OneOrMany(wrong, right)
    told, _, _ = await run_with(tmp_path, brain)
    assert told.answer["status"] == "done", told.message
    assert brain.solo == 2


async def test_a_chain_that_one_worker_fails_runs_task_by_task(tmp_path: Path) -> None:
    brain = OneOrMany({"first": {"value": -1}, "second": {"value": 2}})
    told, _, results = await run_with(tmp_path, brain)
    assert told.answer["status"] == "done", told.message
    assert told.answer["outcomes"][0]["outputs"] == {"second": {"value": 5}}
    assert (brain.solo, brain.single) == (2, 2)
    assert results == ["d1/first", "d1/second"]


async def test_a_chain_with_effects_is_never_given_to_one_worker(tmp_path: Path) -> None:
    brain = OneOrMany({"first": {"value": 1}, "second": {"value": 2}})
    tasks = [task("first"), task("second", inputs={"a": {"from": "first"}}, tools=["desk_send"])]
    outputs = {"second": {"from": "second"}}
    text = specialist("job", tasks, outputs=outputs, effort="class", tools=["desk_send"])
    with ScriptedProvider(brain) as provider:
        limits = {"class": {"solo_tasks": 3}}
        servers = {"desk": scripted_server(tmp_path)}
        config = written(tmp_path, provider=provider, limits=limits, servers=servers)
        async with installation(tmp_path, text, config=config) as driver:
            told = await driver.ask("@job go")
    assert told.of("solo") == []
    assert (brain.solo, brain.single) == (0, 2)
