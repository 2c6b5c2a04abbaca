"""Finds headings in Markdown, reStructuredText and plain text."""

import re
from collections.abc import Sequence

from tools.servers.documents.document import Heading

_ATX = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_RULE = re.compile(r"([=\-~^\"'`#*+.:_])\1{2,}[ \t]*")
_SETEXT = re.compile(r" {0,3}(=+|-{2,})[ \t]*")


def fenced(lines: Sequence[str]) -> list[bool]:
    """For each line, whether it belongs to a fenced code block (fences included)."""
    inside: str | None = None
    marks: list[bool] = []
    for line in lines:
        fence = _FENCE.match(line)
        if inside is None:
            inside = fence.group(1) if fence else None
            marks.append(inside is not None)
        else:
            marks.append(True)
            closes = fence and fence.group(1)[0] == inside[0] and len(fence.group(1)) >= len(inside)
            if closes and not line.strip(" \t`~"):
                inside = None
    return marks


def front_matter(lines: Sequence[str]) -> int:
    """How many lines YAML front matter takes at the top of a Markdown file; 0 if there is none."""
    if not lines or lines[0].strip() != "---":
        return 0
    for number, line in enumerate(lines[1:], start=2):
        if line.strip() in ("---", "..."):
            return number
    return 0


def markdown_headings(lines: Sequence[str]) -> tuple[Heading, ...]:
    """ATX (`## So`) and underlined headings outside code and front matter."""
    code = fenced(lines)
    found: list[Heading] = []
    start = front_matter(lines)
    for index in range(start, len(lines)):
        if code[index]:
            continue
        atx = _ATX.fullmatch(lines[index])
        if atx and (atx.group(2) or "").strip():
            level = len(atx.group(1))
            found.append(Heading(line=index + 1, level=level, text=atx.group(2).strip()))
        elif index > start and _underlines(lines, index) and not code[index - 1]:
            level = 1 if lines[index].strip().startswith("=") else 2
            text = lines[index - 1].strip()
            found.append(Heading(line=index, level=level, text=text, lines=2))
    return tuple(found)


def _underlines(lines: Sequence[str], index: int) -> bool:
    above = lines[index - 1]
    if not _SETEXT.fullmatch(lines[index]) or not above.strip() or above.startswith("    "):
        return False
    alone = index < 2 or not lines[index - 2].strip()
    return alone and not re.match(r"\s*([-*+>|#]|\d+[.)])", above)


def underlined_headings(lines: Sequence[str]) -> tuple[Heading, ...]:
    """Headings of reStructuredText: a line of text above a line of one repeated mark."""
    levels: dict[str, int] = {}
    found: list[Heading] = []
    for index in range(1, len(lines)):
        rule, above = lines[index].rstrip(), lines[index - 1].strip()
        alone = index < 2 or not lines[index - 2].strip() or _RULE.fullmatch(lines[index - 2])
        if not above or not alone or _RULE.fullmatch(above) or len(rule) < len(above):
            continue
        if _RULE.fullmatch(rule) and not lines[index - 1].startswith((" ", "\t")):
            level = levels.setdefault(rule[0], len(levels) + 1)
            found.append(Heading(line=index, level=level, text=above, lines=2))
    return tuple(found)
