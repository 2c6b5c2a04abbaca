"""The random plans as plans of the harness, for what is measured without any run."""

from __future__ import annotations

from bench.brain import objective
from bench.dags import Dag
from harness.plan import Input, Plan, Task
from harness.schedule import simulate


def plan_of(dag: Dag) -> Plan:
    """The DAG as a checked plan would have it."""
    return Plan(
        tasks=tuple(
            Task(
                id=step.id,
                objective=objective(dag, step),
                inputs={
                    "step": Input(value=step.id),
                    **{
                        dag.steps[one].id: Input.model_validate(
                            {"from": dag.steps[one].id, "select": "value"}
                        )
                        for one in step.parents
                    },
                },
                output={
                    "type": "object",
                    "required": ["value"],
                    "properties": {"value": {"type": "string"}},
                },
            )
            for step in dag.steps
        )
    )


def ideal(dag: Dag, width: int) -> float:
    """Seconds that our order of tasks takes when nothing but the tasks takes time."""
    seconds = {step.id: step.seconds for step in dag.steps}
    return simulate(plan_of(dag), seconds, width).makespan
