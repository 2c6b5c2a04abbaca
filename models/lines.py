"""YAML that remembers its lines, so that an operator is told where to look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from runtime.canonical import Json
from runtime.errors import ConfigError

Place = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A parsed file. Places are keys and positions from the top: `("profiles", "local", 0)`."""

    file: str
    value: Json
    lines: Mapping[Place, int]

    def line(self, *place: str | int) -> int:
        """The line of a place, or of the nearest one around it that exists."""
        for size in range(len(place), -1, -1):
            if place[:size] in self.lines:
                return self.lines[place[:size]]
        return 1

    def error(self, message: str, *place: str | int, remedy: str) -> ConfigError:
        """An error that names file and line."""
        field = ".".join(str(step) for step in place)
        return ConfigError(
            message, file=self.file, line=self.line(*place), field=field, remedy=remedy
        )


def read(path: Path) -> Document:
    """Parse a YAML file.

    Raises:
        ConfigError: the file is missing or is not YAML, or a mapping has a key twice.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"cannot be read: {error}",
            file=path,
            remedy="Restore the file, or point SWITCHYARD_CONFIG at the folder that has it.",
        ) from error
    return parse(text, str(path))


def parse(text: str, file: str) -> Document:
    """Parse YAML text; `file` is what errors name."""
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        reader = _Reader(loader, file)
        value = reader.read(node, ()) if node else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise ConfigError(
            f"is not YAML: {error.problem or error.context}",
            file=file,
            line=mark.line + 1 if mark else 0,
            remedy="Mend the syntax; mind the indentation of the line named.",
        ) from error
    except yaml.YAMLError as error:
        raise ConfigError(
            f"is not YAML: {error}", file=file, remedy="Save the file as UTF-8 text."
        ) from error
    finally:
        loader.dispose()
    return Document(file=file, value=value, lines=reader.lines)


class _Reader:
    """Turns nodes into values and notes where each one stands."""

    def __init__(self, loader: yaml.SafeLoader, file: str) -> None:
        self.lines: dict[Place, int] = {}
        self._loader = loader
        self._file = file
        self._flat: set[int] = set()

    def read(self, node: Node, place: Place) -> Json:
        self.lines[place] = node.start_mark.line + 1
        if isinstance(node, MappingNode):
            return self._mapping(node, place)
        if isinstance(node, SequenceNode):
            return [self.read(item, (*place, i)) for i, item in enumerate(node.value)]
        return self._loader.construct_object(node)

    def _mapping(self, node: MappingNode, place: Place) -> dict[str, Json]:
        # A mapping with an anchor is met again at each alias, and is flat by then.
        if id(node) not in self._flat:
            self._flat.add(id(node))
            self._check_keys(node)
            self._loader.flatten_mapping(node)
        value: dict[str, Json] = {}
        for key, inner in node.value:
            name = str(key.value)
            value[name] = self.read(inner, (*place, name))
            self.lines[(*place, name)] = key.start_mark.line + 1
        return value

    def _check_keys(self, node: MappingNode) -> None:
        """Before merge keys (<<) are resolved: overriding a merged key is what they are for."""
        seen: set[str] = set()
        for key, _ in node.value:
            name = key.value if isinstance(key, ScalarNode) else ""
            if name in seen:
                raise ConfigError(
                    f"the key {name!r} stands twice",
                    file=self._file,
                    line=key.start_mark.line + 1,
                    field=name,
                    remedy="Remove one of the two; the second would silently win.",
                )
            seen.add(name)
