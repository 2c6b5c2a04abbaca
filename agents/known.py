"""What the ledger knew of a job's tasks when its execution began: results and rejected attempts.

Read once: only the process that drives the run writes them, so nobody else adds to it meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ledger.store import Ledger
from ledger.tasks import REJECTED, Result, Transition

RESULT_VERSION = 2
"""Version of the form in which results are stored; a result of another version is not used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A snapshot of the record of one dispatch."""

    results: Mapping[tuple[str, str], Result] = field(default_factory=dict)
    """Accepted results by task and digest of what the task was given."""
    rejected: Mapping[str, tuple[Transition, ...]] = field(default_factory=dict)
    """Attempts that were rejected since the present plan was stored, by task, in order."""
    earlier: Mapping[str, int] = field(default_factory=dict)
    """By task, the number of the last attempt under an earlier plan."""

    def result(self, task: str, key: str) -> Result | None:
        """The accepted result of a task for exactly this digest."""
        return self.results.get((task, key))


async def known_of(ledger: Ledger, run: str, dispatch: str) -> Known:
    """Read what is on record of a dispatch and of the tasks below it."""
    results = [
        one
        for one in await ledger.tasks.results_of(run)
        if _belongs(one.task, dispatch) and one.schema_version == RESULT_VERSION
    ]
    plan = await ledger.tasks.plan(run, dispatch)
    since = plan.at if plan else 0.0
    rejected: dict[str, list[Transition]] = {}
    earlier: dict[str, int] = {}
    for row in await ledger.tasks.history(run):
        if row.state not in REJECTED or not _belongs(row.task, dispatch):
            continue
        if row.at >= since:
            rejected.setdefault(row.task, []).append(row)
        else:
            earlier[row.task] = max(row.attempt, earlier.get(row.task, 0))
    return Known(
        results={(one.task, one.inputs): one for one in results},
        rejected={task: tuple(rows) for task, rows in rejected.items()},
        earlier=earlier,
    )


def _belongs(task: str, dispatch: str) -> bool:
    return task == dispatch or task.startswith(f"{dispatch}/")
