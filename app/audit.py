"""Verifies the audit of a ledger or of an export, and reads it for those who show or export it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace

from app.lookup import known_run
from ledger.chain_check import Damage, Head, Row, check
from ledger.store import Ledger, open_ledger
from runtime.canonical import Json
from runtime.errors import RequestError
from runtime.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Chained:
    """The chain of one run, as a ledger or an export has it."""

    run: str
    head: Head | None
    rows: Sequence[Row]
    calls: Sequence[str] = ()
    """Tool calls that it has to tell of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What was found of one run."""

    run: str
    rows: int
    audited: bool
    """False for a run of a release that had no audit."""
    damages: Sequence[Damage]

    def as_json(self) -> Json:
        """The finding as data."""
        return {
            "run": self.run,
            "rows": self.rows,
            "audited": self.audited,
            "intact": not self.damages,
            "damage": [
                {"row": one.number, "kind": one.kind, "told": one.told} for one in self.damages
            ],
        }


async def verify(settings: Settings, run: str, reference: str = "") -> list[Checked]:
    """Check the chain of one run, or of all of them for an empty id.

    Args:
        reference: `COUNT:CODE` of an answer, against a ledger that was set back as a whole.

    Raises:
        UnknownRun: there is no such run.
        RequestError: the reference is none.
        LedgerUnavailable: the key is not that of this ledger.
    """
    wanted = _reference(reference)
    async with open_ledger(settings.ledger) as ledger:
        key = ledger.audit.key
        found = []
        async for chained in chains(ledger, run):
            checked = checked_of(key, chained)
            if wanted and (lost := _lost(chained, *wanted)):
                checked = replace(checked, damages=[*checked.damages, lost])
            found.append(checked)
        return found


def checked_of(key: bytes, chained: Chained) -> Checked:
    """Check one chain."""
    damages = check(key, chained.run, chained.head, chained.rows, chained.calls)
    head = chained.head
    audited = bool(chained.rows) or head is None or head.count is not None
    return Checked(run=chained.run, rows=len(chained.rows), audited=audited, damages=damages)


async def chains(ledger: Ledger, run: str = "") -> AsyncIterator[Chained]:
    """The chains of a ledger, one by one; only that of `run` (an id, or its beginning) if given.

    Raises:
        UnknownRun: there is no such run.
    """
    ids = await ledger.audit.run_ids()
    if run and run not in ids:
        ids = [(await known_run(ledger, run)).id]
    elif run:
        ids = [run]
    for id in ids:
        yield await _read(ledger, id)


async def _read(ledger: Ledger, run: str) -> Chained:
    """Head and rows of the same instant: a run may work meanwhile."""
    while True:
        head = await ledger.audit.head(run)
        calls = await ledger.audit.calls(run)
        rows = await ledger.audit.rows(run)
        if head == await ledger.audit.head(run):
            return Chained(run=run, head=head, rows=rows, calls=calls)


def _reference(text: str) -> tuple[int, str] | None:
    if not text:
        return None
    count, _, code = text.partition(":")
    if not (count.isdecimal() and len(code) >= 8):
        raise RequestError(
            f"{text!r} is no reference to an audit.",
            field="reference",
            value=text,
            remedy="Take it from the answer of the run: COUNT:CODE, with 8 digits of it at least.",
        )
    return int(count), code


def _lost(chained: Chained, count: int, code: str) -> Damage | None:
    if count == 0 or any(one.number == count and one.mac.startswith(code) for one in chained.rows):
        return None
    told = "it is not the row that the reference names"
    return Damage(run=chained.run, number=count, kind="head", told=told)
