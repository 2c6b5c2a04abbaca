"""Text of a PDF, page by page; a blank line separates pages unless a sentence runs on."""

import io

from pypdf import PdfReader
from pypdf.errors import PyPdfError

from tools.servers.documents.document import UnreadableError
from tools.servers.documents.text import lines_of

MAX_PAGES = 2000

# pypdf lets errors of its parsers through when a file is damaged.
_DAMAGE = (PyPdfError, ValueError, LookupError, TypeError, AttributeError, OSError, RecursionError)


def pdf_text(data: bytes) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Lines and the page of each.

    Raises:
        UnreadableError: encrypted, damaged, without text, or longer than MAX_PAGES.
    """
    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted:
            raise UnreadableError("the PDF is encrypted")
        if len(reader.pages) > MAX_PAGES:
            raise UnreadableError(f"the PDF has more than {MAX_PAGES} pages")
        texts = [page.extract_text() for page in reader.pages]
    except _DAMAGE as error:
        raise UnreadableError(f"the PDF is damaged ({type(error).__name__})") from error
    if not any(text.strip() for text in texts):
        raise UnreadableError("the PDF has no text, perhaps it is scanned")
    return _joined(texts)


def _joined(texts: list[str]) -> tuple[tuple[str, ...], tuple[int, ...]]:
    lines: list[str] = []
    pages: list[int] = []
    for number, text in enumerate(texts, start=1):
        ended = bool(lines) and lines[-1].rstrip().endswith((".", "!", "?", ":"))
        if ended:
            lines.append("")
            pages.append(number - 1)
        new = [line.rstrip() for line in lines_of(text)]
        lines.extend(new)
        pages.extend([number] * len(new))
    return tuple(lines), tuple(pages)
