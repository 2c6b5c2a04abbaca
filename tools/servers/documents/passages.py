"""Cuts a document into passages of about a paragraph, each a whole range of lines.

A sentence is not divided if a cut at the end of one can be found within the limits.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tools.servers.documents.document import Document, Heading
from tools.servers.documents.headings import fenced

MAX_LINES = 14
MAX_CHARACTERS = 1400
_HARD_LINES = 40
_LIST_CHARACTERS = 450
"""Items of a list and rows of a table say different things: only short ones stay together."""

_SENTENCE_END = re.compile(r"""[.!?:;…]["'”’)\]*_`]*\s*$""")
_ITEM = re.compile(r"\s*(?:[-*+•]|\d{1,3}[.)]|\|)\s")
_STARTS_RECORD = re.compile(r"\S")


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Lines `start` to `end`, both included, and the headings above, outermost first."""

    start: int
    end: int
    breadcrumb: tuple[str, ...] = ()


def spans(document: Document) -> list[Span]:
    """All passages of a document, from top to bottom."""
    match document.kind:
        case "csv":
            return _rows(document.lines)
        case "log":
            return _records(document.lines)
        case "data":
            return _windows(document.lines)
        case _:
            return list(_sections(document))


def _sections(document: Document) -> Iterator[Span]:
    above: list[Heading] = []
    start = 1
    end = len(document.lines)
    for heading in (*document.headings, None):
        last = end if heading is None else heading.line - 1
        breadcrumb = tuple(each.text for each in above)
        yield from _paragraphs(document, start, last, breadcrumb)
        if heading is not None:
            above = [each for each in above if each.level < heading.level] + [heading]
            start = heading.line + heading.lines


def _paragraphs(
    document: Document, start: int, end: int, breadcrumb: tuple[str, ...]
) -> Iterator[Span]:
    lines = document.lines[start - 1 : end]
    code = fenced(lines) if document.kind == "markdown" else [False] * len(lines)
    blocks = _announced(lines, _blocks(lines, code))
    for first, last in blocks:
        limit = _HARD_LINES if code[first] else MAX_LINES
        for one, other in _cut(lines, first, last, limit):
            yield Span(start=start + one, end=start + other, breadcrumb=breadcrumb)


def _blocks(lines: Sequence[str], code: Sequence[bool]) -> list[tuple[int, int]]:
    """Runs of lines without an empty one between them; code blocks stay whole."""
    found: list[tuple[int, int]] = []
    first: int | None = None
    for index, line in enumerate(lines):
        if line.strip() or code[index]:
            first = index if first is None else first
        elif first is not None:
            found.append((first, index - 1))
            first = None
    if first is not None:
        found.append((first, len(lines) - 1))
    return found


def _announced(lines: Sequence[str], blocks: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """A block that ends in a colon is kept with what it announces, if both are short."""
    found: list[tuple[int, int]] = []
    for first, last in blocks:
        if found and lines[found[-1][1]].rstrip().endswith(":"):
            begin = found[-1][0]
            size = sum(len(line) for line in lines[begin : last + 1])
            if last - begin < MAX_LINES and size <= MAX_CHARACTERS:
                found[-1] = (begin, last)
                continue
        found.append((first, last))
    return found


def _cut(lines: Sequence[str], first: int, last: int, limit: int) -> Iterator[tuple[int, int]]:
    begin = first
    while begin <= last:
        end = _end(lines, begin, last, limit)
        yield begin, end
        begin = end + 1


def _end(lines: Sequence[str], begin: int, last: int, limit: int) -> int:
    """Last line of the passage that begins at `begin`: the latest good place within the limit."""
    size = 0
    most = _LIST_CHARACTERS if _ITEM.match(lines[begin]) else MAX_CHARACTERS
    best: int | None = None
    for index in range(begin, last + 1):
        size += len(lines[index])
        full = index - begin >= limit or size > most
        if full and (best is not None or index - begin >= _HARD_LINES):
            return best if best is not None else index - 1
        if index < last and _good_end(lines[index], lines[index + 1]):
            best = index
    return last


def _good_end(line: str, following: str) -> bool:
    return bool(_SENTENCE_END.search(line) or _ITEM.match(following))


def _rows(lines: Sequence[str]) -> list[Span]:
    header = (lines[0],) if lines else ()
    rows = [number for number, line in enumerate(lines, start=1) if line.strip()]
    return [Span(start=row, end=row, breadcrumb=header) for row in rows[1:]]


def _records(lines: Sequence[str]) -> list[Span]:
    """One entry each; indented lines (stack traces) belong to the entry above."""
    found: list[Span] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        starts = _STARTS_RECORD.match(line) or not found
        if starts or found[-1].end != number - 1 or number - found[-1].start >= _HARD_LINES:
            found.append(Span(start=number, end=number))
        else:
            found[-1] = Span(start=found[-1].start, end=number)
    return found


def _windows(lines: Sequence[str]) -> list[Span]:
    """Groups of lines that begin at the outermost indentation where possible."""
    found: list[Span] = []
    start = 1
    for number, line in enumerate(lines, start=1):
        following = lines[number] if number < len(lines) else ""
        long = number - start + 1 >= MAX_LINES
        outer = not line.strip() or following[:1] not in (" ", "\t", "}", "]")
        if number == len(lines) or (long and outer) or number - start + 1 >= 2 * MAX_LINES:
            if any(each.strip() for each in lines[start - 1 : number]):
                found.append(Span(start=start, end=number))
            start = number + 1
    return found
