"""Plans, the state of their tasks with every transition, and accepted results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Insert, exists, insert, literal, select

from ledger.repository import Repository
from ledger.schema import plans, results, tasks, transitions
from runtime.canonical import Json, digest

State = Literal[
    "planned",
    "running",
    "retrying",
    "escalated",
    "paused",
    "accepted",
    "failed",
    "blocked",
    "cancelled",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRow:
    run: str
    task: str
    specialist: str
    state: str
    reason: str
    attempt: int
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    id: int
    run: str
    task: str
    attempt: int
    state: str
    reason: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """An accepted result. It counts because its row is committed."""

    run: str
    task: str
    inputs: str
    schema_version: int
    attempt: int
    output: Json
    evidence: list[str]
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRow:
    run: str
    task: str
    version: int
    specialist: str
    plan: Json
    digest: str
    drawn_by: str | None
    """`spec`, `model`, `replan`, or the name of the person who edited it."""
    at: float


class Tasks(Repository):
    """The durable state of deep work. Tasks are addressed by run and task id."""

    async def store_plan(
        self, run: str, task: str, specialist: str, plan: Json, *, drawn_by: str = "spec"
    ) -> int:
        """Keep a plan under the dispatch `task`; the same plan again keeps its version."""
        latest = await self.plan(run, task)
        key = digest(plan)
        if latest and latest.digest == key:
            return latest.version
        version = latest.version + 1 if latest else 1
        await self._write(
            self._insert_or_keep(
                plans,
                run=run,
                task=task,
                version=version,
                specialist=specialist,
                plan=plan,
                digest=key,
                drawn_by=drawn_by,
                at=self._clock(),
            )
        )
        return version

    async def plan(self, run: str, task: str) -> PlanRow | None:
        """The newest plan of a dispatch."""
        row = await self._first(
            select(plans)
            .where(plans.c.run == run, plans.c.task == task)
            .order_by(plans.c.version.desc())
        )
        return PlanRow(**row) if row else None

    async def plans_of(self, run: str) -> list[PlanRow]:
        rows = await self._all(
            select(plans).where(plans.c.run == run).order_by(plans.c.task, plans.c.version)
        )
        return [PlanRow(**row) for row in rows]

    async def move(
        self,
        run: str,
        task: str,
        state: State,
        *,
        reason: str,
        specialist: str | None = None,
        attempt: int | None = None,
    ) -> None:
        """Set a task's state and append the transition, in one transaction.

        Specialist and attempt stay as they are on record where they are not given.

        A transition that is on record already is not written again: a resumed task passes the
        same points once more.
        """
        now = self._clock()
        row = await self._first(select(tasks).where(tasks.c.run == run, tasks.c.task == task))
        named = specialist if specialist is not None else (row["specialist"] if row else "")
        number = attempt if attempt is not None else (row["attempt"] if row else 1)
        await self._write(
            self._insert_or_update(
                tasks,
                run=run,
                task=task,
                specialist=named,
                state=state,
                reason=reason,
                attempt=number,
                at=now,
            ),
            _transition(run, task, number, state, reason, now),
        )

    async def accept(
        self,
        run: str,
        task: str,
        *,
        inputs: str,
        attempt: int,
        output: Json,
        evidence: list[str],
        reason: str,
        specialist: str = "",
        schema_version: int = 1,
    ) -> None:
        """Commit a result together with its transition. The first result of a key stays."""
        now = self._clock()
        await self._write(
            self._insert_or_keep(
                results,
                run=run,
                task=task,
                inputs=inputs,
                schema_version=schema_version,
                attempt=attempt,
                output=output,
                evidence=evidence,
                at=now,
            ),
            self._insert_or_update(
                tasks,
                run=run,
                task=task,
                specialist=specialist,
                state="accepted",
                reason=reason,
                attempt=attempt,
                at=now,
            ),
            _transition(run, task, attempt, "accepted", reason, now),
        )

    async def result(self, run: str, task: str, inputs: str) -> Result | None:
        """The accepted result of a task for exactly these inputs (a digest)."""
        row = await self._first(
            select(results).where(
                results.c.run == run, results.c.task == task, results.c.inputs == inputs
            )
        )
        return Result(**row) if row else None

    async def results_of(self, run: str, below: str = "") -> list[Result]:
        """Accepted results of a run in the order of acceptance; `below` narrows to a dispatch."""
        query = select(results).where(results.c.run == run).order_by(results.c.at, results.c.task)
        if below:
            query = query.where(results.c.task.startswith(below + "/", autoescape=True))
        return [Result(**row) for row in await self._all(query)]

    async def states(self, run: str) -> list[TaskRow]:
        rows = await self._all(select(tasks).where(tasks.c.run == run).order_by(tasks.c.task))
        return [TaskRow(**row) for row in rows]

    async def history(self, run: str) -> list[Transition]:
        """Every transition of a run in order."""
        rows = await self._all(
            select(transitions).where(transitions.c.run == run).order_by(transitions.c.id)
        )
        return [Transition(**row) for row in rows]


def _transition(run: str, task: str, attempt: int, state: State, reason: str, now: float) -> Insert:
    """Append a transition unless exactly this one is on record."""
    t = transitions.c
    recorded = exists().where(
        t.run == run, t.task == task, t.attempt == attempt, t.state == state, t.reason == reason
    )
    values = select(
        literal(run), literal(task), literal(attempt), literal(state), literal(reason), literal(now)
    ).where(~recorded)
    return insert(transitions).from_select(
        ["run", "task", "attempt", "state", "reason", "at"], values
    )
