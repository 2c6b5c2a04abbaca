"""The random plans of the benchmarks: what is claimed of them, and of the bound."""

from __future__ import annotations

import pytest

from bench.dags import SHAPES, Dag, Shape, Step, draw
from bench.plans import ideal, plan_of
from harness.check import problems
from harness.limits import Limits

LIMITS = Limits(
    tasks=500,
    width=8,
    attempts=1,
    escalations=0,
    model_calls=1,
    tool_calls=1,
    repeated_calls=1,
    task_seconds=1,
)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [20, 100])
def test_a_plan_has_its_size_and_only_earlier_parents(shape: Shape, size: int) -> None:
    dag = draw(shape, size, 3, median=1.0)
    assert [step.number for step in dag.steps] == list(range(size))
    assert all(parent < step.number for step in dag.steps for parent in step.parents)
    assert problems(plan_of(dag), inputs=[], permits=lambda _tool: "", limits=LIMITS) == ()


@pytest.mark.parametrize("shape", SHAPES)
def test_the_same_seed_gives_the_same_plan_and_another_seed_another(shape: Shape) -> None:
    assert draw(shape, 20, 1, median=1.0) == draw(shape, 20, 1, median=1.0)
    assert draw(shape, 20, 1, median=1.0).steps != draw(shape, 20, 2, median=1.0).steps


@pytest.mark.parametrize("shape", SHAPES)
def test_the_shape_does_not_depend_on_how_long_the_tasks_take(shape: Shape) -> None:
    slow, quick = draw(shape, 20, 1, median=1.0), draw(shape, 20, 1, median=0.0)
    assert [(step.parents, step.reads) for step in slow.steps] == [
        (step.parents, step.reads) for step in quick.steps
    ]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("width", [1, 4, 100])
def test_no_schedule_beats_the_bound(shape: Shape, width: int) -> None:
    for seed in range(5):
        dag = draw(shape, 20, seed, median=1.0)
        assert ideal(dag, width) >= dag.bound(width) - 1e-9
    assert ideal(dag, 1) == pytest.approx(dag.work)
    assert ideal(dag, 100) == pytest.approx(dag.critical)


def test_the_bound_is_the_longest_chain_or_the_work_shared_out() -> None:
    def step(number: int, seconds: float, *parents: int) -> Step:
        return Step(number=number, parents=parents, seconds=seconds, reads=False)

    steps = (step(0, 2.0), step(1, 3.0, 0), step(2, 4.0), step(3, 1.0, 1, 2))
    dag = Dag(name="wide-4-0", shape="wide", seed=0, steps=steps)
    assert (dag.critical, dag.work) == (6.0, 10.0)
    assert (dag.bound(1), dag.bound(8)) == (10.0, 6.0)
    assert [[step.number for step in wave] for wave in dag.depths()] == [[0, 2], [1], [3]]
