"""Runs that the dev server's own memory brings back after a crash, before anything else can.

The in-memory runtime starts them anew with their input half a second after it is up, and so would
do again what is done. They are kept waiting until we know from where they can go on.
"""

from __future__ import annotations

import sys
from collections.abc import MutableMapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

_RUNTIME = "langgraph_runtime_inmem.database"
_WAIT = timedelta(seconds=120)
"""Longer than the rooms take to open; a crash in between only delays the next start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """One run of the server that has not ended."""

    row: MutableMapping[str, Any]
    created_at: datetime

    @property
    def id(self) -> str:
        return str(self.row["run_id"])

    @property
    def thread(self) -> str:
        return str(self.row["thread_id"])

    def from_last_step(self) -> None:
        """Go on from the last step on record instead of the input.

        A command stays: an answer is addressed to its question, and one that was taken is not
        taken again.
        """
        self.row["kwargs"]["input"] = None

    def let_go(self) -> None:
        """Hand it to the queue of the server."""
        self.row["created_at"] = self.created_at


def hold_back() -> list[Restored]:
    """Keep the server from starting what it restored.

    Does not wait for anything, so that nothing else runs before it is done. Empty where the
    server runs on another runtime, which keeps its runs elsewhere.
    """
    runtime = sys.modules.get(_RUNTIME)
    if runtime is None:
        return []
    rows = [row for row in runtime.GLOBAL_STORE["runs"] if row["status"] == "pending"]
    restored = [Restored(row=row, created_at=row["created_at"]) for row in rows]
    for row in rows:
        # The queue takes no run whose time has not come.
        row["created_at"] = datetime.now(UTC) + _WAIT
    return restored
