"""The written answer of a deep job, composed from accepted results only, without a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from string import Formatter

from agents.spec import Section
from harness.inputs import select
from runtime.canonical import Json, canonical
from runtime.errors import SelectionFailed


def compose(sections: Sequence[Section], outputs: Mapping[str, Json]) -> str:
    """Markdown for the sections; one whose list is empty says so in place of the list."""
    return "\n\n".join(_section(section, outputs) for section in sections)


def _section(section: Section, outputs: Mapping[str, Json]) -> str:
    parts = [f"## {section.title}"] if section.title else []
    if section.text and not section.items:
        parts.append(_filled(section.text, section.values, outputs))
    if section.table:
        parts.append(_table(_rows(section.table, outputs), section.columns))
    if section.items:
        parts.append(_items(_rows(section.items, outputs), section.text))
    if section.cited:
        parts.append(_cited(_rows(section.cited, outputs)))
    return "\n\n".join(parts)


def _filled(text: str, values: Mapping[str, str], outputs: Mapping[str, Json]) -> str:
    found = {name: _selected(path, outputs) for name, path in values.items()}
    return _fill(text, found)


def _fill(text: str, values: Mapping[str, Json]) -> str:
    """Replace `{name}`; a value that is not there is shown as a dash."""
    return "".join(
        before + (_plain(values.get(name)) if name is not None else "")
        for before, name, _, _ in Formatter().parse(text)
    )


def _selected(path: str, outputs: Mapping[str, Json]) -> Json:
    """What the path selects; nothing where a part that it needs is missing."""
    try:
        return select(path, dict(outputs))
    except SelectionFailed:
        return None


def _rows(path: str, outputs: Mapping[str, Json]) -> list[Json]:
    found = _selected(path, outputs)
    return found if isinstance(found, list) else []


def _table(rows: list[Json], columns: Sequence[str]) -> str:
    if not rows:
        return "None."
    head = "| " + " | ".join(columns) + " |"
    rule = "|" + "---|" * len(columns)
    body = [
        "| " + " | ".join(_cell(row.get(column)) for column in columns) + " |"
        for row in rows
        if isinstance(row, dict)
    ]
    return "\n".join([head, rule, *body])


def _cell(value: Json) -> str:
    return _plain(value).replace("|", "\\|").replace("\n", " ")


def _items(rows: list[Json], text: str) -> str:
    if not rows:
        return "None."
    shown = [_fill(text, row) if text and isinstance(row, dict) else _plain(row) for row in rows]
    return "\n".join(f"- {line}" for line in shown)


def _cited(rows: list[Json]) -> str:
    """Sentences with numbered sources, then the sources with the lines that they quote."""
    if not rows:
        return "None."
    sources: dict[str, tuple[int, str]] = {}
    sentences = []
    for row in rows:
        marks = []
        for citation in row.get("citations", ()):
            place = f"{citation['path']}:{citation['start_line']}-{citation['end_line']}"
            number, _ = sources.setdefault(place, (len(sources) + 1, citation["quote"]))
            marks.append(f"[{number}]")
        sentences.append(f"{row.get('text', '').strip()} {''.join(marks)}")
    listed = [
        f"[{number}] {place}\n" + "\n".join(f"    > {line}" for line in quote.split("\n"))
        for place, (number, quote) in sources.items()
    ]
    return "\n".join(f"- {line}" for line in sentences) + "\n\n" + "\n".join(listed)


def _plain(value: Json) -> str:
    if value is None:
        return "–"
    if isinstance(value, list):
        return ", ".join(_plain(item) for item in value) or "–"
    return value if isinstance(value, str) else canonical(value)
