"""Text of an HTML page: one line per block, so that a line number stays the same on every call."""

import re
import warnings

from bs4 import BeautifulSoup, XMLParsedAsHTMLWarning
from bs4.element import NavigableString, PreformattedString, Tag

from tools.servers.documents.document import Heading
from tools.servers.documents.text import lines_of

_UNSEEN_NAMES = "script style noscript template svg math iframe object canvas"
_BLOCK_NAMES = (
    "address article aside blockquote body details dialog dd div dl dt fieldset figcaption figure "
    "footer form h1 h2 h3 h4 h5 h6 header hr html legend li main nav ol p pre section summary "
    "table tbody td tfoot th thead title tr ul"
)
_SPACED_NAMES = "blockquote dl figure h1 h2 h3 h4 h5 h6 ol p pre section table title ul"
_UNSEEN = frozenset(_UNSEEN_NAMES.split())
_BLOCKS = frozenset(_BLOCK_NAMES.split())
_SPACED = frozenset(_SPACED_NAMES.split())
_BLANKS = re.compile(r"\s+")
_DEPTH = 400


# An XHTML page is read as HTML too, which is meant; the library would warn about each.
warnings.filterwarnings("ignore", category=XMLParsedAsHTMLWarning)


class _Page:
    """Collects the lines while the tree is walked."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.headings: list[Heading] = []
        self._words: list[str] = []

    def text(self, piece: str) -> None:
        self._words.append(piece)

    def end_line(self) -> None:
        line = _BLANKS.sub(" ", "".join(self._words)).strip()
        self._words.clear()
        if line:
            self.lines.append(line)

    def space(self) -> None:
        self.end_line()
        if self.lines and self.lines[-1]:
            self.lines.append("")


def html_text(source: str) -> tuple[tuple[str, ...], tuple[Heading, ...]]:
    """Visible lines and headings; an empty line between paragraphs, ` | ` between table cells."""
    soup = BeautifulSoup(source, "html.parser")
    page = _Page()
    _walk(soup, page, 0)
    page.end_line()
    while page.lines and not page.lines[-1]:
        page.lines.pop()
    return tuple(page.lines), tuple(page.headings)


def _walk(node: Tag, page: _Page, depth: int) -> None:
    for child in node.children:
        if isinstance(child, NavigableString):
            if not isinstance(child, PreformattedString):
                page.text(str(child))
        elif isinstance(child, Tag) and child.name not in _UNSEEN:
            _element(child, page, depth + 1)


def _element(element: Tag, page: _Page, depth: int) -> None:
    name = element.name
    if name == "br":
        page.end_line()
    elif name == "pre" or depth > _DEPTH:
        page.space()
        page.lines.extend(line.rstrip() for line in lines_of(element.get_text()))
        page.space()
    elif name == "tr":
        page.end_line()
        cells = element.find_all(("td", "th"), recursive=False)
        page.text(" | ".join(_BLANKS.sub(" ", cell.get_text(" ")).strip() for cell in cells))
        page.end_line()
    else:
        _block(element, page, depth)


def _block(element: Tag, page: _Page, depth: int) -> None:
    name = element.name
    if name in _SPACED:
        page.space()
    elif name in _BLOCKS:
        page.end_line()
    if name == "li":
        page.text("- ")
    before = len(page.lines)
    _walk(element, page, depth)
    if name in _BLOCKS:
        page.end_line()
    if re.fullmatch(r"h[1-6]", name) and len(page.lines) > before:
        text = " ".join(page.lines[before:])
        lines = len(page.lines) - before
        page.headings.append(Heading(line=before + 1, level=int(name[1]), text=text, lines=lines))
    if name in _SPACED:
        page.space()
