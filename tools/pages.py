"""Long texts as lines that can be read page by page: what is shown of a file, and of a result.

Every place that counts lines counts them here, so that a number means the same everywhere.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from runtime.canonical import Json

WIDEST = 1_000
"""Characters of a line. A longer line counts as several, so that each can be read."""

_WIDE = 160
"""Characters up to which a JSON value stands on one line."""


def lines_of(text: str) -> list[str]:
    """The lines of a text; a line break at its end begins no further line."""
    found: list[str] = []
    for line in text.removesuffix("\n").split("\n"):
        if len(line) <= WIDEST:
            found.append(line)
        else:
            found += [line[at : at + WIDEST] for at in range(0, len(line), WIDEST)]
    return found if text else []


def fitting(lines: Sequence[str], characters: int) -> int:
    """How many of the lines from the first on fit into so many characters, line breaks counted."""
    left = characters
    for number, line in enumerate(lines):
        left -= len(line) + 1
        if left < -1:
            return number
    return len(lines)


def laid_out(value: Json, indent: str = "") -> str:
    """JSON over as few lines as can be read in pages: short values stand on one line each."""
    flat = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    if len(flat) <= _WIDE or not isinstance(value, dict | list):
        return flat
    deeper = indent + " "
    if isinstance(value, list):
        parts = [laid_out(part, deeper) for part in value]
        first, last = "[", "]"
    else:
        parts = [
            f"{json.dumps(name, ensure_ascii=False)}:{laid_out(part, deeper)}"
            for name, part in value.items()
        ]
        first, last = "{", "}"
    inner = ",\n".join(deeper + part for part in parts)
    return f"{first}\n{inner}\n{indent}{last}"
