"""What came into a run: the words of its user, and the results of its calls. Where the values of a
call come from is told by this record."""

from __future__ import annotations

import json
from collections.abc import Container, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection

from ledger.driver import Cursor, in_words_of
from ledger.repository import Repository
from runtime.canonical import Json

_RUN = (
    "SELECT runs.request, routes.decision FROM runs LEFT JOIN routes ON routes.run = runs.id"
    " WHERE runs.id = ?"
)
_CALLS = (
    "SELECT id, tool, decision, result, CASE WHEN decision = 'ask' THEN arguments END"
    " FROM tool_calls WHERE run = ? AND result IS NOT NULL ORDER BY started_at, id"
)
_CONTENT = "SELECT content FROM blobs WHERE digest = ?"


class Brought(NamedTuple):
    """A call that was answered."""

    call: str
    tool: str
    decision: str
    result: str
    """Digest of what came back."""
    arguments: Json
    """Only where a person was asked."""
    content: bytes | None
    """What came back, as canonical JSON; None when it was forgotten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    words: str
    """What the user said, in this run and in those that it goes on from, without what they passed
    on of strangers."""
    strange: bool
    """Whether they passed something on."""
    runs: tuple[str, ...]
    """The run itself, and those that it goes on from, one after the other."""
    brought: tuple[Brought, ...]


class Flows(Repository):
    """Reads all of it in one go."""

    async def of(self, run: str, known: Container[tuple[str, str]], farthest: int) -> Flow:
        """What came into a run, the oldest of each run first.

        Args:
            known: Calls with their results that are left out.
            farthest: How many runs are looked at; `Flow.runs` has one more when there are more.
        """

        def read(connection: Connection) -> Flow:
            with Cursor(connection) as cursor:
                words, runs, strange = self._conversation(cursor, run, farthest)
                brought = [
                    found for one in runs[:farthest] for found in self._brought(cursor, one, known)
                ]
            return Flow(words=words, strange=strange, runs=tuple(runs), brought=tuple(brought))

        return await self._run(read, lambda: "read tool_calls", atomic=False)

    def _conversation(self, cursor: Cursor, run: str, farthest: int) -> tuple[str, list[str], bool]:
        words: list[str] = []
        runs: list[str] = []
        strange: list[str] = []
        while run and run not in runs and len(runs) <= farthest:
            runs.append(run)
            row = cursor.first(in_words_of(self._dialect, _RUN), (run,))
            if row is None:
                break
            request, decision = row[0], _json(row[1]) or {}
            asked = (decision.get("given") or {}).get("asked") or {}
            words += [request, str(asked.get("answer", ""))]
            strange += decision.get("strange") or ()
            run = str(decision.get("follows", ""))
        return own_words("\n".join(words), strange), runs, bool(strange)

    def _brought(
        self, cursor: Cursor, run: str, known: Container[tuple[str, str]]
    ) -> list[Brought]:
        calls = cursor.all(in_words_of(self._dialect, _CALLS), (run,))
        content = in_words_of(self._dialect, _CONTENT)
        found = []
        for call, tool, decision, result, arguments in calls:
            if (call, result) in known:
                continue
            row = cursor.first(content, (result,))
            kept = bytes(row[0]) if row else None
            found.append(Brought(call, tool, decision, result, _json(arguments), kept))
        return found


def own_words(words: str, strange: Iterable[str]) -> str:
    """What a user said, without these texts of strangers; nothing where one cannot be told apart
    from it."""
    own = words
    for text in strange:
        if text not in words:
            return ""
        own = own.replace(text, " ")
    return own


def _json(value: object) -> Json:
    """A JSON column as the driver gives it: SQLite's as text, PostgreSQL's read already."""
    return json.loads(value) if isinstance(value, str) else value
