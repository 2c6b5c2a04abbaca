"""A document inside the server: numbered lines, and the structure that was found in them."""

from dataclasses import dataclass

from tools.servers.documents.records import Kind


class UnreadableError(Exception):
    """A file that cannot be shown as text; the text says why, in words for the caller."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """A heading and where it stands; level 1 is the outermost."""

    line: int
    level: int
    text: str
    lines: int = 1
    """How many lines it takes, underline included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """Lines are counted from 1 everywhere; `lines[0]` is line 1."""

    kind: Kind
    lines: tuple[str, ...]
    headings: tuple[Heading, ...] = ()
    pages: tuple[int, ...] = ()
    """Page of each line, for PDF; else empty."""

    def page(self, line: int) -> int | None:
        """Page of a line, if the document has pages."""
        return self.pages[line - 1] if self.pages else None
