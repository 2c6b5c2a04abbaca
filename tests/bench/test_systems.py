"""The systems that the benchmarks put side by side do the same work on the same provider."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from bench.bare import dataflow, open_bare
from bench.brain import value_of
from bench.dags import Dag, draw
from bench.installation import add_dag, add_job, install
from bench.job import ASSIGNMENTS, REQUEST, finding, source
from bench.ours import House, open_house
from bench.prompts import count
from bench.waves import run_waves
from bench.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")

DAG = draw("layered", 10, 4, median=1.0)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World(median=1.0) as opened:
        opened.rescale(0)
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(world: World, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    settings = install(tmp_path_factory.mktemp("house"), world, 4)
    add_dag(settings, DAG, ["record"])
    async with open_house(settings) as opened:
        yield opened


def expected(dag: Dag) -> dict[str, str]:
    """The values of all steps, worked out without any system."""
    values: dict[str, str] = {}
    for step in dag.steps:
        waits = [dag.steps[parent].id for parent in step.parents]
        values[step.id] = value_of(step.id, {id: values[id] for id in waits})
    return values


async def test_ours_delivers_every_step_and_each_effect_happens_once(
    house: House, world: World
) -> None:
    world.forget()
    ran = await house.run(DAG.name, "ours", "ours")
    assert ran.outcome is not None
    assert ran.outcome["status"] == "done"
    steps = ran.outcome["outputs"]["steps"]
    assert {id: output["value"] for id, output in steps.items()} == expected(DAG)
    counts = world.counts()
    assert counts["record"] == {f"ours {step.id}": 1 for step in DAG.steps if step.number % 2}
    assert set(counts["model"]) == {f"ours {step.id}" for step in DAG.steps}


async def test_waves_and_bare_workers_deliver_the_same(house: House) -> None:
    waves = await open_bare(house.services, DAG.name, "waves")
    _, values = await run_waves(waves, DAG, 4, house.checkpoints)
    assert values == expected(DAG)
    bare = await open_bare(house.services, DAG.name, "bare")
    assert await dataflow(bare, DAG, 4) == expected(DAG)


async def test_a_run_that_has_ended_is_resumed_without_a_call(house: House, world: World) -> None:
    first = await house.run(DAG.name, "twice", "twice")
    world.forget()
    again = await house.resume(DAG.name, "twice", "twice")
    assert again.outcome == first.outcome
    assert world.counts() == {}


async def test_the_fixed_job_takes_two_calls_a_task_and_counts_their_tokens(
    tmp_path: Path,
) -> None:
    with World(job=0.001, tokens=True) as world:
        settings = install(tmp_path, world, 8)
        name = add_job(settings, by="spec", judged=False)
        async with open_house(settings) as house:
            ran = await house.run(name, REQUEST, "job")
        counts = world.counts()
    assert ran.outcome is not None
    assert all(finding(id) in ran.outcome["text"] for id in ASSIGNMENTS)
    assert counts["roles"] == {"worker": 2 * len(ASSIGNMENTS)}
    assert counts["provider"]["calls"] == 2 * len(ASSIGNMENTS)
    # Each task's source and result cross the wire at least once.
    assert counts["provider"]["prompt_tokens"] > sum(
        count({"messages": [{"content": source(one.topic)}]}) for one in ASSIGNMENTS.values()
    )
