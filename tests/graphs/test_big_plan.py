"""A plan as large as the class `standard` permits, on the offline model and a bundled tool server.

The bench runs one of 500 tasks; this is the same work, small enough for every run of the suite.
"""

from __future__ import annotations

from pathlib import Path

from runtime.canonical import Json
from tests.graphs.installation import installation, specialist, written

LOOKED_UP, JOINED = 48, 12
OUTPUT: Json = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name", "evidence"],
    "properties": {
        "name": {"type": "string"},
        "evidence": {"type": "array", "minItems": 1, "items": {"type": "string"}},
    },
}


def look_up(id: str, customer: int, **inputs: Json) -> Json:
    return {
        "id": id,
        "objective": f"Look up customer {customer}.",
        "inputs": {"customer_id": {"value": customer}} | inputs,
        "tools": ["crm_get_customer"],
        "output": OUTPUT,
        "accept": [{"check": "min_items", "at": "evidence", "count": 1}],
    }


def plan() -> str:
    """48 look-ups side by side, and 12 that wait for four of them each."""
    free = [look_up(f"look-{number}", number) for number in range(1, LOOKED_UP + 1)]
    joined = [
        look_up(
            f"join-{number}",
            LOOKED_UP + number,
            **{
                f"name_{place}": {"from": f"look-{4 * (number - 1) + place}", "select": "name"}
                for place in range(1, 5)
            },
        )
        for number in range(1, JOINED + 1)
    ]
    outputs = {f"name_{number}": _name(f"join-{number}") for number in range(1, JOINED + 1)}
    return specialist("sixty", [*free, *joined], outputs=outputs, tools=["crm_get_customer"])


def _name(task: str) -> Json:
    return {"from": task, "select": "name"}


async def test_a_plan_of_sixty_tasks_finishes_on_the_offline_model(tmp_path: Path) -> None:
    config = written(tmp_path, servers={"crm": None})
    async with installation(tmp_path, plan(), config=config) as driver:
        told = await driver.ask("Look all of them up", specialist="sixty")
        run, ledger = told.answer["run"], driver.services.ledger
        results = await ledger.tasks.results_of(run)
        calls = await ledger.calls.of_run(run)
        history = await ledger.tasks.history(run)
    assert told.answer["status"] == "done", told.message
    assert told.answer["offline"]
    assert len(results) == LOOKED_UP + JOINED
    assert [call.outcome for call in calls] == ["ok"] * (LOOKED_UP + JOINED)
    asked = sorted(call.arguments["customer_id"] for call in calls)
    assert asked == list(range(1, LOOKED_UP + JOINED + 1))
    # Dataflow, not waves: the first join began before the last free task ended.
    states = [(row.task.removeprefix("d1/"), row.state) for row in history]
    last_free = max(place for place, (task, state) in enumerate(states) if task.startswith("look-"))
    assert any(task.startswith("join-") for task, _ in states[:last_free])
