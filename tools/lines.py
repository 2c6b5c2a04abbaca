"""Where in a JSON text each key stands. `json` forgets the lines that a person needs for mending
a file, and keeps only the last of two keys of the same name."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

Keys = tuple[str | int, ...]
"""The way to a value: keys of objects and indexes of arrays, from the outside in."""

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+')


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """Lines count from 1."""

    of: dict[Keys, int]
    twice: tuple[Keys, ...]
    """Keys that stand a second time in their object, at the line given in `of`."""

    def find(self, keys: Keys) -> int:
        """The line of a key, or of the nearest key around it."""
        while keys and keys not in self.of:
            keys = keys[:-1]
        return self.of.get(keys, 1)


def lines(text: str) -> Lines:
    """The line of every key and array item of a JSON text that `json.loads` accepts."""
    tokens: list[tuple[str, int]] = []
    line, seen = 1, 0
    for match in _TOKEN.finditer(text):
        line += text.count("\n", seen, match.start())
        seen = match.start()
        tokens.append((match.group(), line))
    walk = _Walk(tokens)
    walk.value(0, ())
    return Lines(of=walk.of, twice=tuple(walk.twice))


class _Walk:
    def __init__(self, tokens: list[tuple[str, int]]) -> None:
        self.of: dict[Keys, int] = {}
        self.twice: list[Keys] = []
        self._tokens = tokens

    def value(self, at: int, keys: Keys) -> int:
        """Walk over the value that begins at a token; the index behind it."""
        match self._tokens[at][0]:
            case "{":
                return self._members(at + 1, keys)
            case "[":
                return self._items(at + 1, keys)
            case _:
                return at + 1

    def _members(self, at: int, keys: Keys) -> int:
        while (token := self._tokens[at])[0] != "}":
            if token[0] == ",":
                at += 1
                continue
            inner = (*keys, str(json.loads(token[0])))
            if inner in self.of:
                self.twice.append(inner)
            self.of[inner] = token[1]
            at = self.value(at + 2, inner)
        return at + 1

    def _items(self, at: int, keys: Keys) -> int:
        index = 0
        while (token := self._tokens[at])[0] != "]":
            if token[0] == ",":
                at += 1
                continue
            inner = (*keys, index)
            self.of[inner] = token[1]
            at = self.value(at, inner)
            index += 1
        return at + 1
