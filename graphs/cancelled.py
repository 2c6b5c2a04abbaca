"""The end of a cancelled run: what was accepted is kept and told, everything else is closed.

Written from the ledger alone, so that any process can do it, also for a run that nobody drives.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime

from graphs.answer import answer_of
from graphs.state import Answer, Outcome
from harness.plan import Plan
from ledger.runs import Run
from ledger.store import Ledger
from ledger.tasks import Result, TaskRow
from runtime.canonical import Json
from runtime.errors import UserError

_ENDED = frozenset({"accepted", "failed", "blocked", "cancelled"})
_NAMED = 20
"""Tasks of a kind that the text of the answer names; `missing` names all of them."""


async def cancel(
    ledger: Ledger,
    run: Run,
    by: str,
    *,
    gone: Callable[[], Awaitable[set[str]]],
    seconds: float = 15.0,
) -> Run:
    """Ask for the end of a run and wait for it; one that nobody drives is ended here.

    Args:
        gone: Gives the holders that are gone.
        seconds: How long to wait for workers of another process.

    Returns:
        The run as it is then; not ended when its workers took longer.

    Raises:
        UserError: it has ended.
    """
    if run.ended:
        raise UserError(
            f"Run {run.id} has ended: {run.status}.",
            remedy=f"See it with: switchyard runs show {run.id}",
        )
    await ledger.runs.ask_cancel(run.id, by)
    until = asyncio.get_running_loop().time() + seconds
    while True:
        now = await ledger.runs.get(run.id) or run
        if now.ended:
            return now
        if now.holder is None or now.holder in await gone():
            await close_cancelled(ledger, run.id)
        elif asyncio.get_running_loop().time() > until:
            return now
        else:
            await asyncio.sleep(0.2)


async def close_cancelled(ledger: Ledger, run: str, outcomes: Sequence[Outcome] = ()) -> Answer:
    """End a run whose cancelling was asked for; `outcomes` are those that its drive still has.

    A run that has ended keeps its answer.
    """
    row = await ledger.runs.get(run)
    assert row is not None, "only recorded runs are cancelled"
    if not row.ended:
        answer = await _closed(ledger, row, outcomes)
        if await ledger.runs.finish(run, "cancelled", dict(answer)):
            return answer
        row = await ledger.runs.get(run) or row
    kept: Answer = row.answer
    return kept


async def tidy(ledger: Ledger, run: Run) -> None:
    """Close the questions of a cancelled run, and book what its workers had reserved."""
    await ledger.approvals.withdraw(run.id, by=run.cancel_by or "")
    await ledger.budgets.forfeit(run.id)


async def _closed(ledger: Ledger, run: Run, outcomes: Sequence[Outcome]) -> Answer:
    why = f"cancelled by {run.cancel_by} at {_clock(run.cancel_at)}"
    known = await _tasks_of(ledger, run.id)
    states = {row.task: row for row in await ledger.tasks.states(run.id)}
    results = await ledger.tasks.results_of(run.id)
    kept = dict.fromkeys(result.task for result in results)
    lost = _lost(known, states, kept, why)
    for task in known:
        if task not in kept and (task not in states or states[task].state not in _ENDED):
            await ledger.tasks.move(run.id, task, "cancelled", reason=why, specialist=known[task])
    await tidy(ledger, run)
    usable = [one for one in outcomes if one["status"] in ("done", "incomplete")]
    return await answer_of(
        ledger,
        run.id,
        status="cancelled",
        text=_told(run, why, list(kept), list(lost), usable),
        outcomes=list(outcomes),
        evidence=_evidence(results),
        missing=[f"{task}: {reason}" for task, reason in lost.items()],
    )


async def _tasks_of(ledger: Ledger, run: str) -> dict[str, str]:
    """Every task of the run, begun or not, with its specialist, in the order of the plans."""
    route: Json = await ledger.runs.route(run) or {}
    plans = {row.task: row for row in await ledger.tasks.plans_of(run)}
    tasks = {
        str(one["id"]): str(one["specialist"])
        for one in route.get("dispatches", ())
        if one["id"] not in plans
    }
    for above, row in plans.items():
        tasks.pop(above, None)  # a task that became a plan counts by its parts
        for task in Plan.model_validate(row.plan).tasks:
            tasks.setdefault(f"{above}/{task.id}", row.specialist)
    begun = await ledger.tasks.states(run)
    return tasks | {
        row.task: row.specialist
        for row in begun
        if row.task not in tasks and row.task not in plans and row.state not in _ENDED
    }


def _lost(
    known: Mapping[str, str],
    states: Mapping[str, TaskRow],
    kept: Mapping[str, None],
    why: str,
) -> dict[str, str]:
    """What has no result, each with the reason."""
    lost = {}
    for task in known:
        if task not in kept:
            row = states.get(task)
            ended = row is not None and row.state in _ENDED
            lost[task] = row.reason if row is not None and ended else why
    return lost


def _told(run: Run, why: str, kept: list[str], lost: list[str], usable: Sequence[Outcome]) -> str:
    parts = [f"Run {run.id} was {why}."]
    if kept:
        parts.append(f"Accepted before that and kept ({len(kept)}): {_some(kept)}.")
    if lost:
        parts.append(f"Not done ({len(lost)}): {_some(lost)}.")
    if not kept and not lost:
        parts.append("Nothing had been begun.")
    answers = [f"**{one['specialist']}**\n\n{one['text']}" for one in usable]
    return "\n\n".join(["\n".join(parts), *answers])


def _some(tasks: list[str]) -> str:
    more = len(tasks) - _NAMED
    return ", ".join(tasks[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _evidence(results: Sequence[Result]) -> list[str]:
    return sorted({id for result in results for id in result.evidence})


def _clock(instant: float | None) -> str:
    return datetime.fromtimestamp(instant or 0.0, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
