"""Reads of a run that were answered before, where a server's terms let the record answer.

It knows where the results stand, and keeps none: they are in the ledger, like all results.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace

from runtime.canonical import Json, digest
from tools.results import Answer, recalled

_RUNS = 1_000
_READS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A read that was answered: the call, and the digest under which its result is kept."""

    call: str
    result: str

    def answer(self, content: bytes) -> Answer:
        """The recorded result, with a note that it is one."""
        answer = recalled(content)
        note = f"[The result of call {self.call} of this run; nothing was sent again.]"
        return replace(answer, note="\n".join(filter(None, (answer.note, note))))


class Recall:
    """Of one process. What another one did to the world is not known here."""

    def __init__(self) -> None:
        self._runs: OrderedDict[str, OrderedDict[str, Read]] = OrderedDict()

    def find(self, run: str, tool: str, arguments: dict[str, Json]) -> Read | None:
        """The same read in the same run, since the last effect of it."""
        return self._runs.get(run, OrderedDict()).get(digest([tool, arguments]))

    def keep(self, run: str, tool: str, arguments: dict[str, Json], read: Read) -> None:
        """Remember a read that was sent; the oldest ones are forgotten first."""
        reads = self._runs.setdefault(run, OrderedDict())
        self._runs.move_to_end(run)
        # One that was answered from here is in it already, under the call that was sent.
        reads.setdefault(digest([tool, arguments]), read)
        if len(reads) > _READS:
            reads.popitem(last=False)
        if len(self._runs) > _RUNS:
            self._runs.popitem(last=False)

    def forget(self, run: str) -> None:
        """The run changed the world: what it read before may be otherwise now."""
        self._runs.pop(run, None)
