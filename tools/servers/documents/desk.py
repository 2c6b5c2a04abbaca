"""Answers the four questions of the documents server from the library."""

import os
from datetime import UTC, datetime
from pathlib import Path

from tools.servers.documents.document import Document, UnreadableError
from tools.servers.documents.library import Found, Library, Shelved
from tools.servers.documents.patterns import Clock, compiled, timestamp
from tools.servers.documents.ranking import Hit, rank
from tools.servers.documents.reading import kind_of
from tools.servers.documents.records import (
    DocumentEntry,
    DocumentList,
    DocumentText,
    Line,
    Match,
    MatchList,
    Passage,
    SearchResult,
)
from tools.servers.documents.roots import Roots, file_in
from tools.servers.errors import BadArgument

MAX_LINES = 400
MAX_CHARACTERS = 40_000
_LINE_SHOWN = 4000
_PASSAGE_SHOWN = 6000


class Desk:
    """Every method blocks while it reads files, so run it in a thread."""

    def __init__(self, roots: Roots, library: Library) -> None:
        self._roots = roots
        self._library = library

    def list(self, folder: str, limit: int) -> DocumentList:
        """The documents of a folder."""
        found, skipped = self._library.find(self._roots.folder(folder))
        entries = [_entry(each) for each in found[:limit]]
        return DocumentList(folder=folder, total=len(found), documents=entries, skipped=skipped)

    def search(self, folder: str, query: str, limit: int) -> SearchResult:
        """The passages that fit the query best."""
        if not any(letter.isalnum() for letter in query):
            raise BadArgument("query", query, "it has no words", "Give a question or some words")
        documents, skipped = self._library.read_all(self._roots.folder(folder))
        everything = [entry for each in documents for entry in each.entries]
        by_path = {each.path: each.document for each in documents}
        hits = rank(everything, query)
        return SearchResult(
            folder=folder,
            query=query,
            searched_documents=len(documents),
            searched_passages=len(everything),
            total=len(hits),
            passages=[_passage(by_path[hit.entry.path], hit) for hit in hits[:limit]],
            skipped=skipped,
        )

    def grep(self, folder: str, pattern: str, limit: int) -> MatchList:
        """The lines that match the pattern."""
        expression = compiled(pattern)
        documents, skipped = self._library.read_all(self._roots.folder(folder))
        clock = Clock(pattern)
        matches: list[Match] = []
        total = 0
        for each in documents:
            for number, text in enumerate(each.document.lines, start=1):
                if clock.matches(expression, text):
                    total += 1
                    if total <= limit:
                        matches.append(_match(each, number, text))
        return MatchList(
            folder=folder,
            pattern=pattern,
            searched_documents=len(documents),
            total=total,
            matches=matches,
            skipped=skipped,
        )

    def read(self, folder: str, path: str, start: int, end: int | None) -> DocumentText:
        """A range of lines."""
        place = self._roots.folder(folder)
        file = file_in(place, path)
        shown = Path(os.path.normpath(path)).as_posix()
        try:
            document = self._library.read(shown, file).document
        except UnreadableError as error:
            remedy = "Choose a document that list_documents returned"
            raise BadArgument("path", path, str(error), remedy) from error
        _check_range(document, start, end)
        wanted = min(end or len(document.lines), len(document.lines))
        lines = _lines(document, start, wanted)
        last = start + len(lines) - 1
        return DocumentText(
            folder=folder,
            path=shown,
            kind=document.kind,
            total_lines=len(document.lines),
            start_line=start,
            end_line=last,
            lines=lines,
            next_line=last + 1 if last < wanted else None,
        )


def _entry(found: Found) -> DocumentEntry:
    modified = datetime.fromtimestamp(int(found.modified), UTC)
    return DocumentEntry(
        path=found.path,
        kind=kind_of(Path(found.path)) or "text",
        bytes=found.bytes,
        modified_at=modified.strftime("%Y-%m-%dT%H:%M:%SZ"),
    )


def _passage(document: Document, hit: Hit) -> Passage:
    span = hit.entry.span
    text = "\n".join(document.lines[span.start - 1 : span.end])
    return Passage(
        path=hit.entry.path,
        start_line=span.start,
        end_line=span.end,
        page=document.page(span.start),
        heading=span.breadcrumb[-1] if span.breadcrumb else None,
        breadcrumb=list(span.breadcrumb),
        text=text[:_PASSAGE_SHOWN],
        cut=len(text) > _PASSAGE_SHOWN,
        score=round(hit.score, 3),
        matched=list(hit.matched),
    )


def _match(each: Shelved, number: int, text: str) -> Match:
    return Match(
        path=each.path,
        line=number,
        page=each.document.page(number),
        text=text[:_LINE_SHOWN],
        cut=len(text) > _LINE_SHOWN,
        timestamp=timestamp(text),
    )


def _check_range(document: Document, start: int, end: int | None) -> None:
    total = len(document.lines)
    if end is not None and end < start:
        raise BadArgument("end_line", end, f"it is before start_line {start}", "Give a later line")
    if start > max(total, 1):
        problem = f"the document has {total} lines"
        raise BadArgument("start_line", start, problem, f"Give a line from 1 to {max(total, 1)}")


def _lines(document: Document, start: int, end: int) -> list[Line]:
    lines: list[Line] = []
    size = 0
    for number in range(start, end + 1):
        text = document.lines[number - 1]
        size += min(len(text), _LINE_SHOWN)
        if lines and (len(lines) >= MAX_LINES or size > MAX_CHARACTERS):
            break
        page = document.page(number)
        cut = len(text) > _LINE_SHOWN
        lines.append(Line(number=number, text=text[:_LINE_SHOWN], page=page, cut=cut))
    return lines
