"""The acceptance criteria that need no model: each takes values and returns what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from harness.inputs import select
from harness.plan import Check
from harness.schemas import matches
from runtime.canonical import Json, canonical
from runtime.errors import SelectionFailed


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One tool call of the task as the gateway recorded it."""

    id: str
    tool: str
    ok: bool
    data: Json
    """The result as data; text where the tool gave text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a result is held against."""

    output: Json
    inputs: Mapping[str, Json]
    observations: Sequence[Observation]
    files: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 of each file that the run has, by path."""


_LONGEST_QUOTE = 1000
"""Lines of one citation; the number comes from a model and must not become a loop."""


def run_check(check: Check, facts: Facts) -> list[str]:
    """What the output fails of this check, one sentence each."""
    try:
        return _CHECKS[check.check](check, facts)
    except SelectionFailed as error:
        return [str(error)]


def _min_items(check: Check, facts: Facts) -> list[str]:
    found = _listed(select(check.at, facts.output))
    if len(found) >= check.count:
        return []
    return [f"{check.at} has {len(found)} items; at least {check.count} are needed."]


def _regex(check: Check, facts: Facts) -> list[str]:
    return [
        f"{check.at}: {str(value)[:80]!r} does not match {check.pattern!r}."
        for value in _listed(select(check.at, facts.output)) or [""]
        if not matches(check.pattern, str(value))
    ]


def _covers(check: Check, facts: Facts) -> list[str]:
    wanted = {_folded(item) for item in _listed(facts.inputs.get(check.input))}
    present = {_folded(item) for item in _listed(select(check.at, facts.output))}
    missing, foreign = sorted(wanted - present), sorted(present - wanted)
    found = []
    if missing:
        found.append(f"{check.at} lacks {', '.join(missing[:12])} of input {check.input!r}.")
    if foreign:
        found.append(f"{check.at} has {', '.join(foreign[:12])}, not in input {check.input!r}.")
    return found


def _references_input(check: Check, facts: Facts) -> list[str]:
    text = _folded(canonical(select(check.at, facts.output)))
    return [
        f"{check.at} does not mention {str(value)[:80]!r} of input {check.input!r}."
        for value in _listed(facts.inputs.get(check.input))
        if _folded(value) not in text
    ]


def _grounded_rows(check: Check, facts: Facts) -> list[str]:
    recorded: dict[str, list[dict[str, Json]]] = {}
    for observation in facts.observations:
        for row in _objects(observation.data):
            if check.key in row:
                recorded.setdefault(_folded(row[check.key]), []).append(row)
    found = []
    for row in _listed(select(check.at, facts.output)):
        known = recorded.get(_folded(row.get(check.key)), []) if isinstance(row, dict) else []
        if not known:
            found.append(f"{check.at}: {str(row)[:80]} is in no tool result of this task.")
        elif not any(all(row.get(f) == fact.get(f) for f in check.fields) for fact in known):
            found.append(
                f"{check.at}: {row[check.key]!r} differs from the tool result in one of"
                f" {', '.join(check.fields)}."
            )
    return found


def _citations(check: Check, facts: Facts) -> list[str]:
    lines: dict[str, dict[int, str]] = {}
    # Inputs first: where a tool of this task read the same line, what the tool read counts.
    for passage in _objects(dict(facts.inputs)):
        _take_lines(passage, lines)
    for observation in facts.observations:
        for passage in _objects(observation.data):
            _take_lines(passage, lines)
    citations = _listed(select(check.at, facts.output))
    if not citations:
        return [f"{check.at}: nothing is cited."]
    return [problem for citation in citations if (problem := _unresolved(citation, lines))]


def _take_lines(passage: Mapping[str, Json], lines: dict[str, dict[int, str]]) -> None:
    """The lines that a tool read: as a passage from `start_line` on, as one line with its number
    (`line`), or as a list `lines` of {number, text}."""
    path, text = passage.get("path"), passage.get("text")
    if not isinstance(path, str):
        return
    start = passage.get("start_line", passage.get("line"))
    if isinstance(start, int) and isinstance(text, str):
        lines.setdefault(path, {}).update(enumerate(text.split("\n"), start=start))
    read = passage.get("lines")
    for line in read if isinstance(read, list) else ():
        if isinstance(line, dict) and isinstance(line.get("number"), int):
            lines.setdefault(path, {})[line["number"]] = str(line.get("text"))


def _unresolved(citation: Json, lines: Mapping[str, Mapping[int, str]]) -> str:
    if not isinstance(citation, dict):
        return f"Citation {str(citation)[:80]!r} is not an object."
    path, quote = citation.get("path"), citation.get("quote")
    start, end = citation.get("start_line"), citation.get("end_line")
    if not (isinstance(start, int) and isinstance(end, int) and isinstance(quote, str)):
        return f"Citation {str(citation)[:80]} lacks start_line, end_line or quote."
    if not 0 <= end - start < _LONGEST_QUOTE:
        return f"Citation {path}:{start}-{end} spans too many lines."
    known = lines.get(str(path), {})
    read = "\n".join(known.get(number, "\0") for number in range(start, end + 1))
    if quote.strip() and quote == read:
        return ""
    return f"Citation {path}:{start}-{end} does not read as quoted in any tool result or input."


def _listed(value: Json) -> list[Json]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _folded(value: Json) -> str:
    return (value if isinstance(value, str) else canonical(value)).casefold()


def _objects(value: Json) -> Iterator[dict[str, Json]]:
    """Every object inside a value, the outermost first."""
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from _objects(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _objects(inner)


_CHECKS: dict[str, Callable[[Check, Facts], list[str]]] = {
    "min_items": _min_items,
    "regex": _regex,
    "covers": _covers,
    "references_input": _references_input,
    "grounded_rows": _grounded_rows,
    "citations": _citations,
}
