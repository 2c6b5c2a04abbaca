"""What the document tools return; the field descriptions are part of their output schema."""

from typing import Literal

from pydantic import Field

from tools.servers.server import Record

Kind = Literal["markdown", "text", "log", "html", "pdf", "csv", "data"]

_PATH = "Path relative to the folder, with forward slashes."
_LINE = "1 is the first line. In HTML and PDF the lines of the extracted text are counted."


class Skipped(Record):
    """A file that could not be used."""

    path: str = Field(description=_PATH)
    reason: str


class DocumentEntry(Record):
    """One document of a folder."""

    path: str = Field(description=_PATH)
    kind: Kind
    bytes: int
    modified_at: str = Field(description="UTC, ISO 8601.")


class DocumentList(Record):
    """Documents of a folder and its subfolders, sorted by path."""

    folder: str
    total: int = Field(description="Documents in all, of which at most `limit` are listed.")
    documents: list[DocumentEntry]
    skipped: list[Skipped] = Field(description="Links that lead out of the folder, and the like.")


class Passage(Record):
    """A paragraph that matches a query."""

    path: str = Field(description=_PATH)
    start_line: int = Field(description=_LINE)
    end_line: int = Field(description="Last line, included.")
    page: int | None = Field(description="Page of the first line, in PDF.")
    heading: str | None = Field(description="The heading above; in CSV the header row.")
    breadcrumb: list[str] = Field(description="All headings above, outermost first.")
    text: str = Field(description="Exactly the lines start_line to end_line.")
    cut: bool = Field(description="True if `text` had to be shortened at its end.")
    score: float = Field(description="Higher is better; comparable within one answer only.")
    matched: list[str] = Field(description="Words of the query that occur here.")


class SearchResult(Record):
    """The best passages for a query."""

    folder: str
    query: str
    searched_documents: int
    searched_passages: int
    total: int = Field(description="Passages with at least one word of the query.")
    passages: list[Passage] = Field(description="Best first.")
    skipped: list[Skipped] = Field(description="Documents that could not be read, with the reason.")


class Line(Record):
    """One line of a document."""

    number: int = Field(description=_LINE)
    text: str
    page: int | None = Field(description="In PDF.")
    cut: bool = Field(description="True if `text` had to be shortened at its end.")


class DocumentText(Record):
    """A range of lines of one document."""

    folder: str
    path: str = Field(description=_PATH)
    kind: Kind
    total_lines: int
    start_line: int
    end_line: int = Field(description="Last line returned; start_line - 1 if there is none.")
    lines: list[Line]
    next_line: int | None = Field(
        description="Where to read on; null at the end of the asked range."
    )


class Match(Record):
    """A line that matches a pattern."""

    path: str = Field(description=_PATH)
    line: int = Field(description=_LINE)
    page: int | None = Field(description="In PDF.")
    text: str
    cut: bool = Field(description="True if `text` had to be shortened at its end.")
    timestamp: str | None = Field(
        description="The time at the start of the line as ISO 8601, in UTC if it has a zone."
    )


class MatchList(Record):
    """Lines that match a pattern, by path and line."""

    folder: str
    pattern: str
    searched_documents: int
    total: int = Field(description="Matching lines in all, of which at most `limit` are listed.")
    matches: list[Match]
    skipped: list[Skipped] = Field(description="Documents that could not be read, with the reason.")
