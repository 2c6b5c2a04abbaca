"""Questions to a person, and the answers. An answer is addressed by the approval's id alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, select, update

from ledger.audit import Audited
from ledger.chain import Fact
from ledger.schema import approvals
from runtime.canonical import Json

Kind = Literal["effect", "plan", "clarify", "task", "elicitation"]
Answer = Literal["approved", "refused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    id: str
    run: str
    task: str
    kind: str
    question: Json
    state: str
    """`pending`, `approved`, `refused`, or `withdrawn` with its run."""
    answered_by: str
    asked_at: float
    answered_at: float | None


class Approvals(Audited):
    """The inbox of what waits for a person."""

    async def ask(self, id: str, *, run: str, task: str, kind: Kind, question: Json) -> Approval:
        """Record a question, or return the one of the same id with its state."""
        insert = self._insert_or_keep(
            approvals,
            id=id,
            run=run,
            task=task,
            kind=kind,
            question=question,
            state="pending",
            answered_by="",
            asked_at=self._clock(),
        )

        def write(connection: Connection) -> None:
            if connection.execute(insert).rowcount == 1:
                parts = {"question": question}
                self._chain.append(
                    connection,
                    Fact(
                        kind="asked",
                        run=run,
                        subject=id,
                        task=task,
                        tool=_tool(question),
                        parts=parts,
                    ),
                )

        await self._atomic("write approvals", write)
        found = await self.get(id)
        assert found is not None, "the row was just written"
        return found

    async def answer(self, id: str, answer: Answer, *, by: str) -> bool:
        """Answer a pending question. False when it was answered before or does not exist."""
        change = (
            update(approvals)
            .where(approvals.c.id == id, approvals.c.state == "pending")
            .values(state=answer, answered_by=by, answered_at=self._clock())
            .returning(approvals.c.run, approvals.c.task)
        )

        def write(connection: Connection) -> bool:
            row = connection.execute(change).first()
            if row is not None:
                self._chain.append(
                    connection,
                    Fact(
                        kind="answered",
                        run=row.run,
                        subject=id,
                        task=row.task,
                        outcome=answer,
                        by=by,
                    ),
                )
            return row is not None

        return await self._atomic("write approvals", write)

    async def withdraw(self, run: str, *, by: str) -> int:
        """Close the open questions of a run that was cancelled; how many there were."""
        change = (
            update(approvals)
            .where(approvals.c.run == run, approvals.c.state == "pending")
            .values(state="withdrawn", answered_by=by, answered_at=self._clock())
            .returning(approvals.c.id, approvals.c.task)
        )

        def write(connection: Connection) -> int:
            rows = connection.execute(change).all()
            for row in sorted(rows):
                self._chain.append(
                    connection,
                    Fact(kind="withdrawn", run=run, subject=row.id, task=row.task, by=by),
                )
            return len(rows)

        return await self._atomic("write approvals", write)

    async def get(self, id: str) -> Approval | None:
        row = await self._first(select(approvals).where(approvals.c.id == id))
        return Approval(**row) if row else None

    async def pending(self, run: str = "") -> list[Approval]:
        """What waits for a person, the oldest first; of one run, or of all."""
        query = select(approvals).where(approvals.c.state == "pending")
        if run:
            query = query.where(approvals.c.run == run)
        rows = await self._all(query.order_by(approvals.c.asked_at, approvals.c.id))
        return [Approval(**row) for row in rows]

    async def of_run(self, run: str) -> list[Approval]:
        rows = await self._all(
            select(approvals).where(approvals.c.run == run).order_by(approvals.c.asked_at)
        )
        return [Approval(**row) for row in rows]


def _tool(question: Json) -> str:
    """The tool that a question about an effect names."""
    return str(question.get("tool", "")) if isinstance(question, dict) else ""
