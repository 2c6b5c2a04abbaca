"""Writes the audit for other systems, and reads such a file back to verify it.

Two forms, a line of JSON each: our own rows (`jsonl`), and requests of the OpenTelemetry protocol
for logs (`otel`), as its collectors read and write them in files.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

from app.audit import Chained, Checked, chains, checked_of
from ledger.audit_key import fingerprint
from ledger.chain import mac, text_of
from ledger.chain_check import Damage, Head, Row
from ledger.store import open_ledger
from runtime.canonical import Json
from runtime.errors import UserError
from runtime.settings import Settings

Format = Literal["jsonl", "otel"]

_AT_ONCE = 500
"""Records of one request of the protocol."""
_REFUSED = frozenset({"deny", "denied", "refused"})


async def export(settings: Settings, run: str, form: Format) -> AsyncIterator[str]:
    """The lines of an export, of one run or of all.

    Raises:
        UnknownRun: there is no such run.
        LedgerUnavailable: the key is not that of this ledger.
    """
    async with open_ledger(settings.ledger) as ledger:
        key = ledger.audit.key
        heads = []
        async for chained in chains(ledger, run):
            head = chained.head
            heads.append([chained.run, head.count if head else None, head.head if head else ""])
            for line in _otel(chained) if form == "otel" else _jsonl(chained):
                yield text_of(line)
        if form == "jsonl":
            yield text_of(
                {"type": "end", "runs": heads, "key": fingerprint(key), "mac": _end(key, heads)}
            )


async def verify_file(settings: Settings, file: Path) -> list[Checked]:
    """Check an export by the key of this installation.

    Raises:
        UserError: the file is no export, or one of another installation.
        LedgerUnavailable: the key is not that of this ledger.
    """
    async with open_ledger(settings.ledger) as ledger:
        key = ledger.audit.key
    lines = await asyncio.to_thread(_lines, file)
    if not lines:
        raise _no_export(file, 1)
    if "resourceLogs" in lines[0]:
        return [checked_of(key, one) for one in _of_otel(file, lines)]
    found = [checked_of(key, one) for one in _of_jsonl(file, lines)]
    return found + _whole(key, file, lines)


def _lines(file: Path) -> list[dict[str, Json]]:
    try:
        texts = file.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise _no_export(file, 1) from error
    return [_line(file, at, text) for at, text in enumerate(texts, start=1) if text.strip()]


def _end(key: bytes, heads: Json) -> str:
    return mac(key, f"export {text_of(heads)}")


def _jsonl(chained: Chained) -> Iterator[Json]:
    head = chained.head
    yield {
        "type": "run",
        "run": chained.run,
        "count": head.count if head else None,
        "head": head.head if head else "",
        "seal": head.seal if head else "",
        "due": head.due if head else True,
    }
    for row in chained.rows:
        yield {
            "type": "row",
            "run": row.run,
            "number": row.number,
            "entry": _open(row.entry),
            "mac": row.mac,
            "content": None if row.content is None else _open(row.content),
        }


def _open(text: str) -> Json:
    """The JSON of a text that can be made of it again; else, where it was damaged, the text."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if text_of(value) == text else text


def _closed(value: Json) -> str:
    return value if isinstance(value, str) else text_of(value)


def _of_jsonl(file: Path, lines: Sequence[Json]) -> list[Chained]:
    heads: dict[str, Head | None] = {}
    rows: dict[str, list[Row]] = {}
    for at, line in enumerate(lines, start=1):
        try:
            if line["type"] == "run":
                heads[line["run"]] = Head(
                    run=line["run"],
                    count=line["count"],
                    head=line["head"],
                    seal=line["seal"],
                    due=line["due"],
                )
            elif line["type"] == "row":
                content = line["content"]
                row = Row(
                    run=line["run"],
                    number=line["number"],
                    entry=_closed(line["entry"]),
                    mac=line["mac"],
                    content=None if content is None else _closed(content),
                )
                rows.setdefault(row.run, []).append(row)
        except (KeyError, TypeError) as error:
            raise _no_export(file, at) from error
    return [
        Chained(run=run, head=heads.get(run), rows=rows.get(run, []))
        for run in dict.fromkeys((*heads, *rows))
    ]


def _whole(key: bytes, file: Path, lines: Sequence[Json]) -> list[Checked]:
    """A finding of its own where the file has no end, or another one than it was given."""
    last = lines[-1]
    if last.get("type") != "end":
        told = "the export has no end, so runs may be missing"
    elif last.get("key") != fingerprint(key):
        raise UserError(
            f"{file} was chained with another key (its fingerprint is {last.get('key')}).",
            remedy="Verify it where it was made, or give that key by SWITCHYARD_AUDIT_KEY.",
        )
    elif last.get("mac") != _end(key, last.get("runs")):
        told = "the list of runs at the end of the export was changed"
    else:
        listed = [one[0] for one in last["runs"]]
        here = [line["run"] for line in lines if line["type"] == "run"]
        if listed == here:
            return []
        told = f"the export was made of {len(listed)} runs, others are here"
    damage = Damage(run="", number=0, kind="cut off", told=told)
    return [Checked(run="", rows=0, audited=True, damages=[damage])]


def _otel(chained: Chained) -> Iterator[Json]:
    head = chained.head
    resource = {
        "service.name": "switchyard",
        "switchyard.run": chained.run,
        "switchyard.audit.count": head.count if head else None,
        "switchyard.audit.head": head.head if head else "",
        "switchyard.audit.seal": head.seal if head else "",
        "switchyard.audit.due": head.due if head else True,
    }
    for start in range(0, max(1, len(chained.rows)), _AT_ONCE):
        records = [_record(row) for row in chained.rows[start : start + _AT_ONCE]]
        yield {
            "resourceLogs": [
                {
                    "resource": {"attributes": _attributes(resource)},
                    "scopeLogs": [{"scope": {"name": "switchyard.audit"}, "logRecords": records}],
                }
            ]
        }


def _record(row: Row) -> Json:
    told = _open(row.entry)
    told = told if isinstance(told, dict) else {}
    refused = bool({told.get("verdict"), told.get("outcome")} & _REFUSED)
    nanoseconds = str(round(float(told.get("at", 0.0)) * 1_000_000) * 1_000)
    named = {f"switchyard.{name}": told.get(name) for name in _TOLD if told.get(name)}
    own = {
        "switchyard.audit.number": row.number,
        "switchyard.audit.mac": row.mac,
        "switchyard.audit.content": row.content,
    }
    return {
        "timeUnixNano": nanoseconds,
        "observedTimeUnixNano": nanoseconds,
        "severityNumber": 13 if refused else 9,
        "severityText": "WARN" if refused else "INFO",
        "eventName": f"switchyard.audit.{told.get('kind', 'unknown')}",
        # Exactly the text that the code is taken of.
        "body": {"stringValue": row.entry},
        "attributes": _attributes(named | own),
    }


_TOLD = (
    "kind",
    "subject",
    "task",
    "parent",
    "specialist",
    "tenant",
    "user",
    "label",
    "tool",
    "verdict",
    "policies",
    "reason",
    "outcome",
    "by",
    "effect",
    "seconds",
)


def _attributes(values: dict[str, Json]) -> list[Json]:
    """Attributes in the protocol's JSON, where whole numbers are texts."""
    return [
        {"key": key, "value": _any(value)} for key, value in values.items() if value is not None
    ]


def _any(value: Json) -> Json:
    match value:
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case list():
            return {"arrayValue": {"values": [_any(one) for one in value]}}
        case _:
            return {"stringValue": str(value)}


def _of_otel(file: Path, lines: Sequence[Json]) -> list[Chained]:
    heads: dict[str, Head] = {}
    rows: dict[str, list[Row]] = {}
    for at, line in enumerate(lines, start=1):
        try:
            for group in line["resourceLogs"]:
                head = _head(_values(group["resource"]["attributes"]))
                heads[head.run] = head
                for scope in group["scopeLogs"]:
                    rows.setdefault(head.run, []).extend(_rows(head.run, scope["logRecords"]))
        except (KeyError, TypeError, ValueError) as error:
            raise _no_export(file, at) from error
    return [Chained(run=run, head=head, rows=rows.get(run, [])) for run, head in heads.items()]


def _head(told: dict[str, Json]) -> Head:
    count = told.get("switchyard.audit.count")
    return Head(
        run=told["switchyard.run"],
        count=None if count is None else int(count),
        head=told["switchyard.audit.head"],
        seal=told["switchyard.audit.seal"],
        due=bool(told["switchyard.audit.due"]),
    )


def _rows(run: str, records: Iterable[Json]) -> Iterator[Row]:
    for record in records:
        told = _values(record["attributes"])
        yield Row(
            run=run,
            number=int(told["switchyard.audit.number"]),
            entry=record["body"]["stringValue"],
            mac=told["switchyard.audit.mac"],
            content=told.get("switchyard.audit.content"),
        )


def _values(attributes: Iterable[Json]) -> dict[str, Json]:
    return {one["key"]: next(iter(one["value"].values())) for one in attributes}


def _line(file: Path, at: int, text: str) -> dict[str, Json]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise _no_export(file, at) from error
    if not isinstance(value, dict) or not ("type" in value or "resourceLogs" in value):
        raise _no_export(file, at)
    return value


def _no_export(file: Path, at: int) -> UserError:
    return UserError(
        f"{file}, line {at}: this is no line of an export of the audit.",
        remedy="Make one with: switchyard audit export -o FILE",
    )
