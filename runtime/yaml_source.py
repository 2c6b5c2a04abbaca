"""YAML with line numbers: so that every complaint about a file names the line to look at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from runtime.canonical import Json
from runtime.errors import ConfigError

M = TypeVar("M", bound=BaseModel)

_MEND = "Mend the value; docs/configuration.md lists every field."


class Located:
    """The data of a YAML document, and where each of its keys stands."""

    def __init__(self, data: Json, node: yaml.Node | None, first_line: int) -> None:
        self.data = data
        self._node = node
        self._first = first_line

    def line(self, path: Sequence[str | int]) -> int:
        """The line of the key or item at `path`, or of the nearest ancestor that exists."""
        node, line = self._node, self._first
        for part in path:
            found = _step(node, part)
            if found is None:
                break
            node, mark = found
            line = self._first + mark
        return line


def _step(node: yaml.Node | None, part: str | int) -> tuple[yaml.Node, int] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                return value, key.start_mark.line
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        item = node.value[part]
        return item, item.start_mark.line
    return None


def load_yaml(text: str, file: Path | str, *, first_line: int = 1) -> Located:
    """Parse one YAML document whose first line is `first_line` of `file`.

    Raises:
        ConfigError: the text is not YAML, or a key stands twice in one mapping.
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        _refuse_twins(node, file, first_line)
        return Located(yaml.safe_load(text), node, first_line)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ConfigError(
            f"not valid YAML: {error.problem}",
            file=file,
            line=first_line + (mark.line if mark else 0),
            remedy="Check indentation, quotes and colons on this line and the one above.",
        ) from error
    except yaml.YAMLError as error:
        raise ConfigError(
            f"not valid YAML: {error}", file=file, line=first_line, remedy="Save it as UTF-8 text."
        ) from error


def _refuse_twins(node: yaml.Node | None, file: Path | str, first_line: int) -> None:
    """YAML parsers keep the last of two equal keys silently; a reader would not see it."""
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _refuse_twins(item, file, first_line)
    if not isinstance(node, yaml.MappingNode):
        return
    seen: set[str] = set()
    for key, value in node.value:
        if key.value in seen:
            raise ConfigError(
                f"the key {key.value!r} stands here a second time",
                file=file,
                line=first_line + key.start_mark.line,
                field=str(key.value),
                remedy="Keep one of the two.",
            )
        seen.add(str(key.value))
        _refuse_twins(value, file, first_line)


def complaints(error: ValidationError, source: Located, file: Path | str) -> list[ConfigError]:
    """Each complaint of a pydantic validation as an error with file, line, field and remedy."""
    found = []
    for one in error.errors():
        path = [part for part in one["loc"] if isinstance(part, str | int)]
        field = ".".join(str(part) for part in path)
        kind = one["type"]
        if kind == "missing":
            reason, remedy = f"{field!r} is missing", f"Add {field!r}."
        elif kind == "extra_forbidden":
            reason, remedy = f"{field!r} is not a known field", "Remove it, or mend its spelling."
        else:
            said = one["msg"].removeprefix("Value error, ")
            reason = f"{field} = {repr(one['input'])[:80]}: {said}" if field else said
            remedy = _MEND
        found.append(
            ConfigError(reason, file=file, line=source.line(path), field=field, remedy=remedy)
        )
    return found


def load_config(file: Path, model: type[M]) -> M:
    """Read a YAML file into a pydantic model.

    Raises:
        ConfigError: the file is missing or wrong; the first complaint, with its line.
    """
    try:
        source = load_yaml(file.read_text(encoding="utf-8"), file)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"cannot be read: {error}", file=file, remedy=f"Restore {file.name} as UTF-8 text."
        ) from error
    try:
        return model.model_validate(source.data)
    except ValidationError as error:
        raise complaints(error, source, file)[0] from error
