"""Reads a golden set: requests with the specialists that they belong to, by the user's own word."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import Field, ValidationError, field_validator

from agents.spec import Specialist
from harness.plan import Frozen
from runtime.canonical import Json
from runtime.errors import ConfigError, RequestError

NONE = "none"
"""In place of a specialist: nobody here takes the request."""

_FORM = 'Write {"text": "...", "specialist": "NAME"}; a list for several, "none" for nobody.'
_COLUMNS = ("text", "specialist", "intent")


class Golden(Frozen):
    """One request and where it belongs."""

    text: str = Field(min_length=1, max_length=100_000)
    specialist: tuple[str, ...]
    """In the order of their dispatches; empty for a request that nobody here takes."""
    intent: str = ""
    """The intent of a single specialist; empty where it does not matter."""
    line: int = 0
    """Where it stands in its file."""

    @field_validator("text")
    @classmethod
    def _says_something(cls, text: str) -> str:
        if not text.strip():
            raise ValueError("says nothing")
        return text.strip()

    @field_validator("specialist", mode="before")
    @classmethod
    def _names(cls, given: Json) -> Json:
        if isinstance(given, tuple):
            return given  # ours; a file holds a list
        names = [given] if isinstance(given, str) else given
        if not isinstance(names, list) or not names:
            raise ValueError("is neither a name nor a list of names")
        if NONE in names:
            if len(names) > 1:
                raise ValueError(f"{NONE!r} stands beside other names")
            return ()
        return tuple(names)


def read_golden(file: Path, specialists: Mapping[str, Specialist]) -> list[Golden]:
    """The requests of a file: CSV with a line of names when it ends in `.csv`, else JSON Lines.

    Raises:
        RequestError: there is no such file, or nothing in it.
        ConfigError: a line is wrong; names line, field, value and remedy. Of several, the first,
            with how many more there are.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise RequestError(
            f"cannot be read: {error}",
            field="golden set",
            value=str(file),
            remedy=f"Name a UTF-8 file of JSON Lines or CSV. {_FORM}",
        ) from error
    rows: list[Golden] = []
    problems: list[ConfigError] = []
    seen: dict[str, int] = {}
    for line, given in _csv(text, file) if file.suffix == ".csv" else _json_lines(text, file):
        found = given if isinstance(given, ConfigError) else _golden(given, line, file)
        if isinstance(found, Golden):
            found = _unfit(found, specialists, seen, file) or found
        if isinstance(found, Golden):
            rows.append(found)
        else:
            problems.append(found)
    if problems:
        raise _first_of(problems)
    if not rows:
        raise RequestError(
            "holds no request", field="golden set", value=str(file), remedy=f"Add some. {_FORM}"
        )
    return rows


def _json_lines(text: str, file: Path) -> Iterator[tuple[int, Json]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            yield number, json.loads(line)
        except ValueError as error:
            told = f"{line.strip()[:60]!r} is not JSON: {error}"
            yield number, ConfigError(told, file=file, line=number, field="", remedy=_FORM)


def _csv(text: str, file: Path) -> Iterator[tuple[int, Json]]:
    """Rows under a line of names. Several specialists stand in one cell, with `;` between them."""
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    names: list[str] | None = None
    try:
        for cells in rows:
            if not any(cell.strip() for cell in cells):
                continue
            if names is None:
                names = [cell.strip() for cell in cells]
                if wrong := _wrong_names(names):
                    remedy = "Begin with a line: text,specialist,intent"
                    raise ConfigError(wrong, file=file, line=rows.line_num, remedy=remedy)
                continue
            # A cell too many has no name, and is told as an unknown field.
            wide = [*names, *(f"column {at + 1}" for at in range(len(names), len(cells)))]
            row: dict[str, Json] = dict(zip(wide, cells, strict=False))
            if "specialist" in row:
                row["specialist"] = [one.strip() for one in row["specialist"].split(";")]
            yield rows.line_num, row
    except csv.Error as error:
        remedy = "Put quotes around a text with a comma, and double a quote within it."
        told = f"not valid CSV: {error}"
        yield rows.line_num, ConfigError(told, file=file, line=rows.line_num, remedy=remedy)


def _wrong_names(names: list[str]) -> str:
    for name in names:
        if name not in _COLUMNS:
            return f"the column {name!r} is not one of {', '.join(_COLUMNS)}"
    missing = [name for name in _COLUMNS[:2] if name not in names]
    return f"the column {missing[0]!r} is missing" if missing else ""


def _golden(given: Json, line: int, file: Path) -> Golden | ConfigError:
    if not isinstance(given, dict):
        told = f"{str(given)[:60]!r} is not an object"
        return ConfigError(told, file=file, line=line, field="", remedy=_FORM)
    try:
        return Golden.model_validate(given | {"line": line})
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        value = "" if first["type"] == "missing" else f" = {repr(first['input'])[:80]}"
        said = first["msg"].removeprefix("Value error, ")
        told = f"{field}{value}: {said}"
        return ConfigError(told, file=file, line=line, field=field, remedy=_FORM)


def _unfit(
    one: Golden, specialists: Mapping[str, Specialist], seen: dict[str, int], file: Path
) -> ConfigError | None:
    """What is wrong with a row beside the others and the specialists that there are."""

    def wrong(field: str, value: str, reason: str, remedy: str) -> ConfigError:
        told = f"{field} = {value[:80]!r}: {reason}"
        return ConfigError(told, file=file, line=one.line, field=field, remedy=remedy)

    for name in one.specialist:
        if name not in specialists:
            known = ", ".join(sorted(specialists)[:12])
            return wrong("specialist", name, "there is none", f"Use one of {known}, or {NONE!r}.")
    if one.intent:
        if len(one.specialist) != 1:
            remedy = "Leave 'intent' out where several specialists or none is meant."
            return wrong("intent", one.intent, "belongs to one specialist", remedy)
        intents = [intent.name for intent in specialists[one.specialist[0]].intents]
        if one.intent not in intents:
            remedy = f"Use one of {', '.join(intents) or 'none: it has no intents'}."
            return wrong("intent", one.intent, f"{one.specialist[0]!r} has no such one", remedy)
    before = seen.setdefault(" ".join(one.text.casefold().split()), one.line)
    if before != one.line:
        return wrong("text", one.text, f"stands on line {before} already", "Keep one of the two.")
    return None


def _first_of(problems: list[ConfigError]) -> ConfigError:
    first, more = problems[0], len(problems) - 1
    if not more:
        return first
    others = ", ".join(str(one.line) for one in problems[1:9]) + (", …" if more > 8 else "")
    return ConfigError(
        first.reason,
        file=first.file,
        line=first.line,
        field=first.field,
        remedy=f"{first.remedy} {more} more on lines {others}.",
    )
