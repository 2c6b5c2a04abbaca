"""The Markdown of a brief: sections with a heading each, and fenced JSON inside them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from runtime.canonical import Json

_FENCE = re.compile(r"^\s*```")
_HEADING = re.compile(r"^##\s+(.+?)\s*$")
_BULLET = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s+(.*\S)")
_CANDIDATE = re.compile(r"^\s*[-*]\s+[`*]{0,2}([\w.-]+)[`*]{0,2}\s*:\s*(.*\S)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    text: str
    """Everything between the headings, fenced blocks included."""

    @property
    def prose(self) -> str:
        """The text without its fenced blocks."""
        return "\n".join(line for fenced, line in _lines(self.text) if not fenced).strip()

    @property
    def json(self) -> Json:
        """The first fenced block that is JSON; None without one."""
        return next(iter(self.all_json), None)

    @property
    def all_json(self) -> list[Json]:
        return [value for block in _blocks(self.text) for value in _parsed(block)]

    @property
    def bullets(self) -> list[str]:
        return [match[1] for line in self.text.splitlines() if (match := _BULLET.match(line))]

    @property
    def candidates(self) -> dict[str, str]:
        """Lines of the form `- name: summary`."""
        found = (_CANDIDATE.match(line) for line in self.text.splitlines())
        return {match[1]: match[2] for match in found if match}


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """A message that was cut into its sections; names are in lower case."""

    preamble: Section
    sections: Mapping[str, Section] = field(default_factory=dict)

    def get(self, *names: str) -> Section:
        """The first section of these names that is there; an empty one otherwise."""
        return next((self.sections[name] for name in names if name in self.sections), _EMPTY)

    @property
    def objective(self) -> str:
        """What is asked, in the author's words."""
        return self.get("objective", "question", "request").prose or self.preamble.prose

    @property
    def inputs(self) -> dict[str, Json]:
        value = self.get("inputs").json
        return value if isinstance(value, dict) else {}

    @property
    def rejected(self) -> str:
        """Why earlier attempts were sent back; empty on the first one."""
        return self.get("rejected").prose


_EMPTY = Section(text="")


def read(text: str) -> Brief:
    """Cut a message at its second-level headings; headings inside fences are not headings."""
    parts: list[tuple[str, list[str]]] = [("", [])]
    for fenced, line in _lines(text):
        heading = None if fenced else _HEADING.match(line)
        if heading:
            parts.append((heading[1].lower(), []))
        else:
            parts[-1][1].append(line)
    sections: dict[str, Section] = {}
    for name, lines in parts[1:]:
        sections.setdefault(name, Section(text="\n".join(lines).strip()))
    return Brief(preamble=Section(text="\n".join(parts[0][1]).strip()), sections=sections)


def _lines(text: str) -> list[tuple[bool, str]]:
    """Each line with whether it belongs to a fenced block, its fences included."""
    inside, marked = False, []
    for line in text.splitlines():
        fence = bool(_FENCE.match(line))
        marked.append((inside or fence, line))
        inside = inside != fence
    return marked


def _blocks(text: str) -> list[str]:
    blocks: list[list[str]] = []
    inside = False
    for line in text.splitlines():
        if _FENCE.match(line):
            inside = not inside
            if inside:
                blocks.append([])
        elif inside:
            blocks[-1].append(line)
    return ["\n".join(block) for block in blocks]


def _parsed(block: str) -> list[Json]:
    try:
        return [json.loads(block)]
    except ValueError:
        return []
