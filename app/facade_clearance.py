"""Up to which label the client of a session is told what its tools say: results, and what they
report and ask while they work."""

from __future__ import annotations

from dataclasses import dataclass

from app.facade_offer import Offering
from app.facade_result import too_sensitive
from ledger.store import Ledger
from runtime.errors import LedgerUnavailable
from runtime.labels import Label


@dataclass(frozen=True, slots=True, kw_only=True)
class Clearance:
    """The clearance of one session's client. The label that counts is the ledger's: anybody may
    have raised it."""

    ledger: Ledger
    offering: Offering
    run: str

    def read(self, label: Label) -> Label:
        """Label of what was read, in a session of this label."""
        # What the client sent itself is no news to it.
        return label if label != self.offering.file.label else Label.public

    def above(self, tool: str, label: Label) -> str:
        """What keeps the words of a tool from the client in a session of this label; empty when
        nothing does."""
        found = self.offering.too_sensitive(tool, self.read(label))
        return too_sensitive(found, self.offering.file.cleared_for) if found is not None else ""

    async def permits(self, tool: str) -> bool:
        """Whether the client may be told now what a tool says; not where the label is unknown."""
        try:
            return not self.above(tool, await self.ledger.runs.label(self.run))
        except LedgerUnavailable:
            return False
