"""What the views know of a run, from its events and from the ledger."""

from __future__ import annotations

from typing import Any

import pytest
from rich.console import Console

from app.lines import PlainView
from app.live import drawing, spend
from app.progress import Progress, recall
from harness.plan import Input, Plan, Task
from ledger.store import open_ledger
from runtime.context import RunContext
from runtime.labels import Label

ROUTE = {
    "event": "route",
    "run": "r",
    "kind": "dispatch",
    "stage": "local",
    "reason": "both are sure",
    "dispatches": [
        {"id": "d1", "specialist": "licence-review", "text": "review", "needs": []},
        {"id": "d2", "specialist": "notify", "text": "mail it", "needs": ["d1"]},
    ],
}


def plan(size: int) -> dict[str, Any]:
    mapped = [
        {"id": f"d1/review-{n:02}", "objective": "Review", "parents": [], "group": "review"}
        for n in range(1, size + 1)
    ]
    last = {
        "id": "d1/sum",
        "objective": "Sum up",
        "parents": [task["id"] for task in mapped],
        "group": "",
    }
    return {"event": "plan", "dispatch": "d1", "specialist": "licence-review"} | {
        "tasks": [*mapped, last]
    }


def task(id: str, state: str, reason: str = "so", attempt: int = 1) -> dict[str, Any]:
    return {"event": "task", "task": id, "state": state, "reason": reason, "attempt": attempt}


def drawn(progress: Progress) -> str:
    console = Console(width=100)
    with console.capture() as capture:
        console.print(drawing(progress))
    return capture.get()


def test_mapped_tasks_are_shown_as_one_line_with_their_count() -> None:
    progress = Progress()
    for event in (ROUTE, plan(16), *(task(f"d1/review-{n:02}", "accepted") for n in range(1, 10))):
        progress.take(event)
    progress.take(task("d1/review-10", "running"))
    progress.take({"event": "tool", "task": "d1/review-10", "tool": "read_it", "phase": "called"})
    text = drawn(progress)
    assert "licence-review → notify" in text
    assert "review 9/16" in text
    assert "review-10  read_it" in text
    assert "review-11" not in text
    assert "d1 licence-review  9/17" in text
    assert "after d1" in text


def test_a_task_that_goes_wrong_shows_why_and_its_attempt() -> None:
    progress = Progress()
    for event in (ROUTE, plan(2), task("d1/review-01", "retrying", "no evidence", attempt=2)):
        progress.take(event)
    text = drawn(progress)
    assert "retrying: no evidence" in text
    assert "attempt 2" in text


def test_the_tool_that_is_called_is_forgotten_once_it_answered() -> None:
    progress = Progress()
    for phase in ("called", "answered"):
        progress.take({"event": "tool", "task": "d1", "tool": "crm_find", "phase": phase})
    assert (progress.task("d1").tool, progress.tool_calls) == ("", 1)


def test_what_a_tool_says_of_its_progress_stands_beside_it() -> None:
    progress = Progress()
    event = {"event": "tool", "task": "d1/a", "tool": "crm_import", "phase": "progress"}
    progress.take(event | {"share": 0.4, "message": "row 40"})
    assert progress.task("d1/a").tool == "crm_import 40% row 40"
    progress.take(event | {"share": None, "message": ""})
    assert progress.task("d1/a").tool == "crm_import"


def test_spend_is_the_latest_that_was_told() -> None:
    progress = Progress()
    progress.take({"event": "spend", "calls": 1, "tokens": 10, "cost": 0.1})
    progress.take({"event": "spend", "calls": 3, "tokens": 1234, "cost": 0.5})
    assert spend(progress) == "3 model calls · 1,234 tokens · $0.5000 · 0 tool calls"


def test_an_event_of_a_kind_that_is_not_known_changes_nothing() -> None:
    progress = Progress()
    progress.take({"event": "weather", "sun": True})
    assert progress.dispatches == {}


def test_plain_lines_tell_each_event_once_with_the_share_done(
    capsys: pytest.CaptureFixture[str],
) -> None:
    view = PlainView(Progress())
    with view.showing():
        for event in (ROUTE, plan(2), task("d1/review-01", "accepted", "schema holds")):
            view.take(event)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        "route: licence-review, notify (by local: both are sure)",
        "plan d1 licence-review: review x2, sum",
        "d1/review-01 accepted: schema holds [1/3]",
    ]


async def test_a_resumed_run_is_recalled_from_the_ledger() -> None:
    stored = Plan(
        tasks=(
            Task(id="find", objective="Find it."),
            Task(
                id="tell",
                objective="Tell it.",
                inputs={"it": Input.model_validate({"from": "find"})},
            ),
        )
    )
    async with open_ledger("sqlite+aiosqlite://") as ledger:
        await ledger.runs.start(
            "r", thread="t", request="x", tenant="t", user="u", label=Label.public, docs=""
        )
        await ledger.runs.record_route("r", {k: v for k, v in ROUTE.items() if k != "event"})
        await ledger.tasks.store_plan(
            "r", "d1", "licence-review", stored.model_dump(by_alias=True, mode="json")
        )
        await ledger.tasks.move("r", "d1/find", "running", reason="inputs accepted")
        await ledger.calls.open(
            "c-1",
            RunContext(run="r", task="d1/find"),
            tool="t",
            arguments={},
            decision="allow",
            policies=[],
            reason="",
        )
        progress = await recall(ledger, "r")
    assert progress.task("d1/find").state == "running"
    assert progress.task("d1/find").tools == 1
    assert progress.task("d1/tell").parents == ("d1/find",)
    assert progress.stage == "local"
