"""A file to a document: picks the reader by the file's ending, and holds the size limits."""

import stat
from pathlib import Path

from tools.servers.documents.document import Document, UnreadableError
from tools.servers.documents.headings import markdown_headings, underlined_headings
from tools.servers.documents.records import Kind
from tools.servers.documents.text import decoded, lines_of

MAX_TEXT_BYTES = 10 * 1024 * 1024
MAX_PDF_BYTES = 50 * 1024 * 1024

KINDS: dict[str, Kind] = {
    ".md": "markdown", ".markdown": "markdown", ".mdx": "markdown",
    ".txt": "text", ".text": "text", ".rst": "text", ".adoc": "text", ".org": "text",
    ".log": "log", ".jsonl": "log", ".ndjson": "log",
    ".html": "html", ".htm": "html", ".xhtml": "html",
    ".pdf": "pdf",
    ".csv": "csv", ".tsv": "csv",
    ".json": "data", ".yaml": "data", ".yml": "data", ".toml": "data", ".ini": "data",
    ".cfg": "data", ".conf": "data", ".xml": "data",
}  # fmt: skip
_BY_NAME = ("readme", "license", "licence", "copying", "notice", "changelog", "authors")


def kind_of(path: Path) -> Kind | None:
    """What a file is by its name; None if it is not taken for a document."""
    kind = KINDS.get(path.suffix.lower())
    return "text" if kind is None and path.name.lower() in _BY_NAME else kind


def read_document(path: Path) -> Document:
    """Read a file; one that is no document by its name is read as text.

    Raises:
        UnreadableError: too large, binary, damaged, or not a regular file.
    """
    kind = kind_of(path) or "text"
    data = _bytes(path, MAX_PDF_BYTES if kind == "pdf" else MAX_TEXT_BYTES)
    if kind == "pdf":
        # Late, because it is the slowest import and most folders have no PDF.
        from tools.servers.documents.pdf_text import pdf_text  # noqa: PLC0415

        lines, pages = pdf_text(data)
        return Document(kind=kind, lines=lines, pages=pages)
    text = decoded(data)
    if kind == "html":
        # Late for the same reason.
        from tools.servers.documents.html_text import html_text  # noqa: PLC0415

        lines, headings = html_text(text)
        return Document(kind=kind, lines=lines, headings=headings)
    lines = lines_of(text)
    if kind == "markdown":
        return Document(kind=kind, lines=lines, headings=markdown_headings(lines))
    if kind == "text":
        return Document(kind=kind, lines=lines, headings=underlined_headings(lines))
    return Document(kind=kind, lines=lines)


def _bytes(path: Path, limit: int) -> bytes:
    try:
        status = path.stat()
        # A pipe or device would block the reader for ever.
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableError("it is not a regular file")
        if status.st_size > limit:
            raise UnreadableError(f"it has {status.st_size} bytes, more than {limit}")
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise UnreadableError(error.strerror or type(error).__name__) from error
    if len(data) > limit:
        raise UnreadableError(f"it has more than {limit} bytes")
    return data
