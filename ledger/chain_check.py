"""Finds what was done to a chain: rows changed, deleted, inserted or re-ordered, a tail cut off.

Pure, so that a ledger and an export are checked by the same rules.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from ledger.chain import mac, salted, seal, text_of
from runtime.canonical import Json

Kind = Literal[
    "changed", "deleted", "inserted", "reordered", "cut off", "content", "head", "unrecorded"
]


_LOSSES = frozenset({"changed", "deleted", "cut off"})
"""They explain why a call has no row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row as it stands in a ledger or an export."""

    run: str
    number: int
    entry: str
    mac: str
    content: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What stands beside the chain: how many rows there are, the code of the last, the seal."""

    run: str
    count: int | None
    """None for a run of a release that had no audit."""
    head: str
    seal: str
    due: bool = True
    """Whether the run began when there was an audit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    run: str
    number: int
    """Of the row; 0 where it concerns the chain as a whole."""
    kind: Kind
    told: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """A row, and what its own text says where its code is right."""

    row: Row
    number: int
    """By its own text; 0 for a row that nobody with the key has made for this run."""
    told: dict[str, Json]


def check(
    key: bytes, run: str, head: Head | None, rows: Sequence[Row], calls: Collection[str] = ()
) -> list[Damage]:
    """Every damage of a run's chain, in the order of the rows; empty when there is none.

    Args:
        rows: In the order in which they stand.
        calls: Ids of tool calls that the chain has to tell of.
    """
    seen = [_seen(key, run, row) for row in rows]
    sealed = _sealed(key, head)
    end = head.count if head and head.count is not None and sealed else None
    found = [
        *_strange(run, seen, end),
        *_missing(run, seen, end),
        *_order(run, seen),
        *_links(run, seen),
        *_contents(run, seen),
        *_ends(run, head, seen, sealed=sealed),
    ]
    found += _moved(run, seen) if not found else []
    if not any(one.kind in _LOSSES for one in found):
        found += _unrecorded(run, seen, calls)
    return sorted(found, key=lambda one: one.number)


def _seen(key: bytes, run: str, row: Row) -> _Seen:
    if hmac.compare_digest(mac(key, row.entry).encode(), row.mac.encode()):
        told = json.loads(row.entry)
        if told["run"] == run == row.run:
            return _Seen(row=row, number=told["number"], told=told)
    return _Seen(row=row, number=0, told={})


def _sealed(key: bytes, head: Head | None) -> bool:
    if head is None or head.count is None:
        return False
    made = seal(key, head.run, head.count, head.head)
    return hmac.compare_digest(made.encode(), head.seal.encode())


def _strange(run: str, seen: Sequence[_Seen], end: int | None) -> list[Damage]:
    """Rows without a right code stand in the place of a row, or where there was none; a row that
    is there twice was copied."""
    genuine = {one.number for one in seen}
    last = max(genuine, default=0) if end is None else end
    copies = set()
    found = []
    for one in seen:
        at = one.row.number
        if one.number in copies:
            told = f"it is a copy of row {one.number}"
            found.append(Damage(run=run, number=at, kind="inserted", told=told))
        elif one.number:
            copies.add(one.number)
        elif at in genuine or at > last:
            found.append(Damage(run=run, number=at, kind="inserted", told="there was no such row"))
        else:
            found.append(Damage(run=run, number=at, kind="changed", told="its code does not fit"))
    return found


def _missing(run: str, seen: Sequence[_Seen], end: int | None) -> list[Damage]:
    there = {one.number or one.row.number for one in seen}
    last = max((one.number for one in seen), default=0)
    found = []
    for number in range(1, (last if end is None else end) + 1):
        if number in there:
            continue
        if any(later > number for later in there):
            found.append(Damage(run=run, number=number, kind="deleted", told="it is missing"))
        else:
            told = f"the chain has {end} rows, and ends before this one"
            found.append(Damage(run=run, number=number, kind="cut off", told=told))
    return found


def _order(run: str, seen: Sequence[_Seen]) -> list[Damage]:
    found, highest, met = [], 0, set()
    for one in seen:
        if one.number and one.number not in met and one.number < highest:
            told = f"it stands behind row {highest}"
            found.append(Damage(run=run, number=one.number, kind="reordered", told=told))
        met.add(one.number)
        highest = max(highest, one.number)
    return found


def _moved(run: str, seen: Sequence[_Seen]) -> list[Damage]:
    """Rows in order under other numbers, which nothing that is missing or inserted explains."""
    return [
        Damage(run=run, number=one.number, kind="reordered", told=f"it stands as {one.row.number}")
        for one in seen
        if one.number != one.row.number
    ]


def _links(run: str, seen: Sequence[_Seen]) -> list[Damage]:
    macs = {one.number: one.row.mac for one in seen if one.number} | {0: ""}
    return [
        Damage(run=run, number=one.number, kind="changed", told="it does not follow its neighbour")
        for one in seen
        if one.number and macs.get(one.number - 1, one.told["previous"]) != one.told["previous"]
    ]


def _unrecorded(run: str, seen: Sequence[_Seen], calls: Collection[str]) -> list[Damage]:
    decided = {one.told.get("subject") for one in seen if one.told.get("kind") == "decided"}
    return [
        Damage(run=run, number=0, kind="unrecorded", told=f"tool call {call} has no row")
        for call in sorted(set(calls) - decided)
    ]


def _contents(run: str, seen: Sequence[_Seen]) -> list[Damage]:
    return [
        Damage(run=run, number=one.number, kind="content", told="its content was changed")
        for one in seen
        if one.row.content is not None
        # Content stays where it is when its row is moved.
        and 0 < one.number == one.row.number
        and not _fits(one.told, one.row.content)
    ]


def _fits(told: dict[str, Json], content: str) -> bool:
    try:
        kept = json.loads(content)
        parts, salt = kept["parts"], kept["salt"]
        digests = {name: salted(salt, text_of(part)) for name, part in parts.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return False
    return bool(digests == told.get("digests"))


def _ends(run: str, head: Head | None, seen: Sequence[_Seen], *, sealed: bool) -> list[Damage]:
    """What the run's row says of the end of its chain."""

    def damage(told: str) -> list[Damage]:
        return [Damage(run=run, number=0, kind="head", told=told)]

    if head is None:
        return damage("the run's row is gone, so a cut-off tail would not show")
    if head.count is None:
        gone = head.due or bool(seen)
        return damage("the run's row says nothing of its chain any more") if gone else []
    if not sealed:
        return damage("count and head of the chain were changed, so a cut-off tail would not show")
    for one in seen:
        if one.number > head.count:
            return damage(f"there are rows behind row {head.count}, which was the last")
        if one.number == head.count and one.row.mac != head.head:
            return damage("the last row is another one")
    return []
