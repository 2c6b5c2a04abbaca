"""Writes each transition of a task into the ledger and tells it to whoever listens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from agents.known import RESULT_VERSION
from ledger.store import Ledger
from runtime.canonical import Json

Progress = Callable[[dict[str, Json]], None]
"""Receives one JSON object per event of a task; what it does with it is its own business."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The record of one task of one run. The ledger first, then the event."""

    ledger: Ledger
    run: str
    task: str
    specialist: str
    progress: Progress

    async def move(
        self,
        state: Literal["running", "retrying", "escalated", "failed"],
        reason: str,
        *,
        attempt: int,
    ) -> None:
        """A transition without a result."""
        await self.ledger.tasks.move(
            self.run,
            self.task,
            state,
            reason=reason,
            specialist=self.specialist,
            attempt=attempt,
        )
        self.tell(state, reason, attempt=attempt)
        if state != "running":
            await self._spent()

    async def accept(
        self, key: str, output: Json, evidence: tuple[str, ...], reason: str, *, attempt: int
    ) -> None:
        """A result. It counts from here on, because its row is committed."""
        await self.ledger.tasks.accept(
            self.run,
            self.task,
            inputs=key,
            attempt=attempt,
            output=output,
            evidence=list(evidence),
            reason=reason,
            specialist=self.specialist,
            schema_version=RESULT_VERSION,
        )
        self.tell("accepted", reason, attempt=attempt)
        await self._spent()

    async def _spent(self) -> None:
        """Tell what the run has consumed so far, whenever an attempt is over."""
        total = await self.ledger.spend.total(self.run)
        self.progress(
            {
                "event": "spend",
                "task": self.task,
                "calls": total.calls,
                "tokens": total.prompt_tokens + total.completion_tokens,
                "cost": total.cost,
            }
        )

    def tell(self, state: str, reason: str, *, attempt: int) -> None:
        """An event alone."""
        self.progress(
            {
                "event": "task",
                "task": self.task,
                "state": state,
                "reason": reason[:500],
                "attempt": attempt,
            }
        )
