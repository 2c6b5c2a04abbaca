"""Plans, the state of their tasks with every transition, and accepted results."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

from sqlalchemy import (
    ColumnElement,
    Connection,
    Insert,
    bindparam,
    exists,
    func,
    insert,
    or_,
    select,
    true,
    update,
)

from ledger.address import Dialect
from ledger.audit import Audited
from ledger.chain import Fact
from ledger.repository import insert_into, overwrite
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

ENDED: tuple[State, ...] = ("accepted", "failed", "blocked", "cancelled")
"""States that a task does not leave by itself."""
REJECTED: tuple[State, ...] = ("retrying", "escalated", "failed")
"""States that a task enters because an attempt was rejected."""

_t, _k, _r, _p = transitions.c, tasks.c, results.c, plans.c
_PLAN = (
    select(plans)
    .where(_p.run == bindparam("of"), _p.task == bindparam("at_task"))
    .order_by(_p.version.desc())
    .limit(1)
)
_RESULT = select(results).where(
    _r.run == bindparam("of"),
    _r.task == bindparam("at_task"),
    _r.inputs == bindparam("for_inputs"),
    _r.schema_version == bindparam("for_version"),
)
# The attempt is the one on record: the task's row is written before, in the same transaction.
_TRANSITION = insert(transitions).from_select(
    ["run", "task", "attempt", "state", "reason", "at"],
    select(
        _k.run,
        _k.task,
        _k.attempt,
        _k.state,
        bindparam("why", type_=_t.reason.type),
        bindparam("now", type_=_t.at.type),
    ).where(
        _k.run == bindparam("of"),
        _k.task == bindparam("at_task"),
        ~exists().where(
            _t.run == _k.run,
            _t.task == _k.task,
            _t.attempt == _k.attempt,
            _t.state == _k.state,
            _t.reason == bindparam("why", type_=_t.reason.type),
        ),
    ),
)


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


class Tasks(Audited):
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
        insert = self._insert_or_keep(
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

        def write(connection: Connection) -> None:
            if connection.execute(insert).rowcount == 1:
                fact = Fact(
                    kind="planned",
                    run=run,
                    subject=f"{task}:{version}",
                    task=task,
                    specialist=specialist,
                    by=drawn_by,
                    parts={"plan": plan},
                )
                self._chain.append(connection, fact)

        await self._atomic("write plans", write)
        return version

    async def plan(self, run: str, task: str) -> PlanRow | None:
        """The newest plan of a dispatch."""
        row = await self._first(_PLAN, {"of": run, "at_task": task})
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
        given = {"specialist": specialist, "attempt": attempt}
        changed = {"state": state, "reason": reason, "at": now} | {
            name: value for name, value in given.items() if value is not None
        }
        row = {"run": run, "task": task, "specialist": "", "attempt": 1} | changed
        await self._write(
            (overwrite(self._dialect, tasks, tuple(changed)), row),
            _transition(run, task, reason, now),
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
        """Commit a result together with its transition.

        The first result for a task, its inputs and a schema version stays; one of another version
        gives way to it.
        """
        now = self._clock()
        result = {
            "run": run,
            "task": task,
            "inputs": inputs,
            "schema_version": schema_version,
            "attempt": attempt,
            "output": output,
            "evidence": evidence,
            "at": now,
        }
        row = {
            "run": run,
            "task": task,
            "specialist": specialist,
            "state": "accepted",
            "reason": reason,
            "attempt": attempt,
            "at": now,
        }
        await self._write(
            (_keep_first(self._dialect), result),
            (overwrite(self._dialect, tasks, tuple(row)), row),
            _transition(run, task, reason, now),
        )

    async def settle_open(self, run: str, below: str, state: State, reason: str) -> list[str]:
        """Move what is not ended in a dispatch, itself included, to `state`; all for an empty one.

        Returns:
            The tasks that were moved, by name.
        """
        now = self._clock()

        def settle(connection: Connection) -> list[str]:
            moved = connection.execute(
                update(tasks)
                .where(_k.run == run, _within(_k.task, below), _k.state.not_in(ENDED))
                .values(state=state, reason=reason, at=now)
                .returning(_k.task)
            )
            names = sorted(moved.scalars())
            for name in names:
                connection.execute(*_transition(run, name, reason, now))
            return names

        return await self._atomic("settle open tasks", settle)

    async def result(
        self, run: str, task: str, inputs: str, schema_version: int = 1
    ) -> Result | None:
        """The accepted result of a task for exactly these inputs (a digest) and schema version."""
        row = await self._first(
            _RESULT,
            {"of": run, "at_task": task, "for_inputs": inputs, "for_version": schema_version},
        )
        return Result(**row) if row else None

    async def results_of(self, run: str, below: str = "") -> list[Result]:
        """Accepted results of a run in the order of acceptance; `below` narrows to a dispatch."""
        query = select(results).where(results.c.run == run).order_by(results.c.at, results.c.task)
        if below:
            query = query.where(_within(results.c.task, below))
        return [Result(**row) for row in await self._all(query)]

    async def states(self, run: str) -> list[TaskRow]:
        rows = await self._all(select(tasks).where(tasks.c.run == run).order_by(tasks.c.task))
        return [TaskRow(**row) for row in rows]

    async def history(self, run: str) -> list[Transition]:
        """Every transition of a run in order."""
        rows = await self._all(select(transitions).where(_t.run == run).order_by(_t.id))
        return [Transition(**row) for row in rows]


def _transition(run: str, task: str, reason: str, now: float) -> tuple[Insert, dict[str, object]]:
    """Append the state that the task's row now has, unless exactly this is on record."""
    return _TRANSITION, {"of": run, "at_task": task, "why": reason, "now": now}


def _within(task: ColumnElement[str], dispatch: str) -> ColumnElement[bool]:
    """The dispatch itself and the tasks below it. Not LIKE: on SQLite it ignores capitals."""
    below = f"{dispatch}/"
    if not dispatch:
        return true()
    return or_(task == dispatch, func.substr(task, 1, len(below)) == below)


@cache
def _keep_first(dialect: Dialect) -> Insert:
    """Insert a result; one for the same inputs is overwritten only where its version is another."""
    insert = insert_into(dialect, results)
    rest = ("schema_version", "attempt", "output", "evidence", "at")
    return insert.on_conflict_do_update(
        index_elements=["run", "task", "inputs"],
        set_={name: insert.excluded[name] for name in rest},
        where=_r.schema_version != insert.excluded.schema_version,
    )
