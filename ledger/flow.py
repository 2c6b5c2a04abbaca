"""What came into a run: the words of its user, and the results of its calls. Where the values of a
call come from is told by this record.

It only grows. What came since it was last read is told by the audit, in which every call that was
answered has its row: the first read looks at all calls of a run, the next ones at the new ones.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import NamedTuple

from sqlalchemy import Connection

from ledger.driver import Cursor, in_words_of, json_of
from ledger.repository import Repository
from runtime.canonical import Json

_RUN = (
    "SELECT runs.request, routes.decision FROM runs LEFT JOIN routes ON routes.run = runs.id"
    " WHERE runs.id = ?"
)
_ANSWERED = (
    "SELECT started_at, id, tool, result, CASE WHEN decision = 'ask'"
    # One that is made again keeps its first result until it has another one. Its question may
    # be open yet.
    " AND outcome NOT IN ('pending', 'denied', 'refused') THEN arguments END"
    " FROM tool_calls WHERE run = ? AND result IS NOT NULL"
)
_AGE = itemgetter(0, 1)
_ONE = f"{_ANSWERED} AND id = ?"
_LAST = "SELECT max(number) FROM audit WHERE run = ?"
_FROM = "SELECT number, entry FROM audit WHERE run = ? AND number >= ? ORDER BY number"
_CONTENT = "SELECT content FROM blobs WHERE digest = ?"


class Brought(NamedTuple):
    """A call that was answered."""

    call: str
    tool: str
    result: str
    """Digest of what came back."""
    approved: Json
    """The arguments, where a person was asked and said yes; else None."""
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
    """Calls that were answered, the oldest of each run first."""
    seen: Mapping[str, int]
    """How far the audit of each run was read, by the number of its last row."""


class Flows(Repository):
    """Reads all of it in one go."""

    async def of(self, run: str, since: Mapping[str, int], farthest: int) -> Flow:
        """What came into a run.

        Args:
            since: `Flow.seen` of an earlier read, whose calls are left out; one that was answered
                at that very moment may come again.
            farthest: How many runs are looked at; `Flow.runs` has one more when there are more.
        """

        def read(connection: Connection) -> Flow:
            brought: list[Brought] = []
            with Cursor(connection) as cursor:
                words, runs, strange = self._conversation(cursor, run, farthest)
                seen = dict(since)
                for one in runs[:farthest]:
                    # The row of a call is committed with it, so what is within `seen` is found.
                    found, seen[one] = self._calls(cursor, one, since.get(one))
                    brought += (self._brought(cursor, call) for call in sorted(found, key=_AGE))
            return Flow(
                words=words, strange=strange, runs=tuple(runs), brought=tuple(brought), seen=seen
            )

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
            request, decision = row[0], json_of(row[1]) or {}
            asked = (decision.get("given") or {}).get("asked") or {}
            words += [request, str(asked.get("answer", ""))]
            strange += decision.get("strange") or ()
            run = str(decision.get("follows", ""))
        return own_words("\n".join(words), strange), runs, bool(strange)

    def _calls(
        self, cursor: Cursor, run: str, since: int | None
    ) -> tuple[list[Sequence[Json]], int]:
        """The calls that were answered after a row of the audit, and the number of its last row."""
        if since is None:
            last = cursor.first(in_words_of(self._dialect, _LAST), (run,))
            calls = cursor.all(in_words_of(self._dialect, _ANSWERED), (run,))
            return list(calls), (last[0] if last else None) or 0
        # The last one that was seen is read again: it shows that nothing was set back.
        first = max(since, 1)
        rows = cursor.all(in_words_of(self._dialect, _FROM), (run, first))
        whole = [number for number, _ in rows] == [*range(first, first + len(rows))]
        try:
            told = [json.loads(entry) for number, entry in rows if number > since]
            closed = dict.fromkeys(row["subject"] for row in told if row["kind"] == "closed")
        except (ValueError, KeyError, TypeError):
            whole = False
        if not whole or (since and not rows):
            # Somebody changed the rows. What to do about that is for `audit verify` to say.
            return self._calls(cursor, run, None)
        answered = in_words_of(self._dialect, _ONE)
        found = (cursor.first(answered, (run, call)) for call in closed)
        return [call for call in found if call is not None], rows[-1][0] if rows else since

    def _brought(self, cursor: Cursor, call: Sequence[Json]) -> Brought:
        _, id, tool, result, approved = call
        row = cursor.first(in_words_of(self._dialect, _CONTENT), (result,))
        kept = bytes(row[0]) if row else None
        return Brought(id, tool, result, json_of(approved), kept)


def own_words(words: str, strange: Iterable[str]) -> str:
    """What a user said, without these texts of strangers; nothing where one cannot be told apart
    from it."""
    own = words
    for text in strange:
        if text not in words:
            return ""
        own = own.replace(text, " ")
    return own
