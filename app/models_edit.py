"""Changes values of a YAML file as a person would: by editing its text. Comments and anchors stay.

Where several entries share a value by an anchor, the others get their own copy, so that only what
was meant changes. The edited text is read again before it is believed.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import yaml
from yaml.events import AliasEvent
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from models.lines import Place
from runtime.canonical import Json
from runtime.errors import UserError

_ALIAS = "!alias"
_ANCHOR = re.compile(r"&[^\s,\[\]{}]+\s+")
_FAST = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_GONE = object()
"""In the place of a value that shall not be there."""
_MOST = 400
"""Single edits in one change; a file that needs more is not edited here."""


class EditFailed(UserError):
    """The file has a form in which this change cannot be made by editing its lines."""

    def __init__(self, file: Path, reason: str) -> None:
        self.file = file
        super().__init__(f"{file}: {reason}.", remedy="Make the change by hand in the file.")


class _Loader(yaml.SafeLoader):
    """Composes nodes in which an alias is a node of its own, with its place in the text."""

    def compose_node(self, parent: Node | None, index: int) -> Node | None:
        if self.check_event(AliasEvent):
            found: AliasEvent = self.get_event()  # type: ignore[no-untyped-call]
            marks = found.start_mark, found.end_mark
            return ScalarNode(_ALIAS, found.anchor, *marks)  # type: ignore[arg-type]
        return super().compose_node(parent, index)


def rewritten(file: Path, text: str, wanted: Json) -> str:
    """The text of a file that holds `wanted`: other scalars, keys more or less, in mappings.

    Raises:
        EditFailed: it cannot be had by editing lines.
    """
    before: tuple[Place, Json] | None = None
    for _ in range(_MOST):
        now = next(_differences(_data(file, text), wanted, ()), None)
        if now is None:
            return text
        if now == before:
            break
        before = now
        text = _edited(file, text, wanted, *now)
    raise EditFailed(file, "the lines of this entry have a form that is not edited here")


def put(file: Path, before: str, after: str) -> None:
    """Put the new text in place of the old one, all of it or nothing.

    Raises:
        EditFailed: somebody changed the file meanwhile.
        OSError: it cannot be written.
    """
    # Through a link to the file itself, which stays a link.
    real = file.resolve()
    number, name = tempfile.mkstemp(prefix=f".{real.stem}-", dir=real.parent)
    temporary = Path(name)
    try:
        with os.fdopen(number, "w", encoding="utf-8", newline="") as handle:
            handle.write(after)
            handle.flush()
            os.fsync(handle.fileno())
        temporary.chmod(real.stat().st_mode)
        if read(real) != before:
            raise EditFailed(file, "somebody changed it at this very moment")
        temporary.replace(real)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def read(file: Path) -> str:
    """The text with its own line ends."""
    with file.open(encoding="utf-8", newline="") as handle:
        return handle.read()


def _data(file: Path, text: str) -> Json:
    try:
        return yaml.load(text, _FAST)
    except yaml.YAMLError as error:
        raise EditFailed(file, "an edited line would not be YAML") from error


def _differences(now: Json, wanted: Json, place: Place) -> Iterator[tuple[Place, Json]]:
    """Each value that is another one, missing, or there without being wanted."""
    if isinstance(now, dict) and isinstance(wanted, dict):
        for key in [*now, *(key for key in wanted if key not in now)]:
            here = (*place, key)
            if key not in wanted:
                yield here, _GONE
            elif key not in now:
                yield here, wanted[key]
            else:
                yield from _differences(now[key], wanted[key], here)
    elif isinstance(now, list) and isinstance(wanted, list) and len(now) == len(wanted):
        for index, (one, other) in enumerate(zip(now, wanted, strict=True)):
            yield from _differences(one, other, (*place, index))
    elif now != wanted or type(now) is not type(wanted):
        yield place, wanted


def _edited(file: Path, text: str, wanted: Json, place: Place, value: Json) -> str:
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
    finally:
        loader.dispose()
    *way, key = place
    for step in way:
        node = _inner(node, step)
    if not isinstance(key, str) or node is None:
        raise EditFailed(file, "it would need another number of entries")
    alias = isinstance(node, ScalarNode) and node.tag == _ALIAS
    pairs = node.value if isinstance(node, MappingNode) else []
    found = next((pair for pair in pairs if pair[0].value == key), None)
    if value is _GONE and found is None:
        # It comes from an anchor: the entry gets values of its own instead.
        if not alias and not (isinstance(node, MappingNode) and node.flow_style):
            raise EditFailed(file, f"`{key}` comes from an anchor, and cannot be left out here")
        return _replaced(text, node, _mapping(wanted, way))
    if alias:
        return _replaced(text, node, f"{{<<: *{node.value}, {key}: {_written(value, flow=True)}}}")
    if not isinstance(node, MappingNode):
        raise EditFailed(file, f"`{key}` stands in no mapping of its own")
    flow = bool(node.flow_style)
    if found and value is _GONE:
        return _without(text, node, found)
    if found and isinstance(found[1], SequenceNode | MappingNode):
        raise EditFailed(file, f"`{key}` would need another number of entries")
    if found:
        return _replaced(text, found[1], _written(value, flow=flow))
    return _with(text, node, f"{key}: {_written(value, flow=flow)}")


def _mapping(wanted: Json, way: list[str | int]) -> str:
    """What stands at a place of the wanted data, as one line of YAML."""
    for step in way:
        wanted = wanted[step]
    return "{" + ", ".join(f"{k}: {_written(v, flow=True)}" for k, v in wanted.items()) + "}"


def _inner(node: Node | None, step: str | int) -> Node | None:
    if isinstance(node, SequenceNode) and isinstance(step, int):
        found: Node = node.value[step]
        return found
    if isinstance(node, MappingNode):
        return next((value for name, value in node.value if name.value == step), None)
    return None


def _replaced(text: str, node: Node, written: str) -> str:
    start, end = int(node.start_mark.index), int(node.end_mark.index)
    anchor = _ANCHOR.match(text, start, end)
    before: str = text[: anchor.end() if anchor else start]
    return before + written + text[end:]


def _with(text: str, node: MappingNode, line: str) -> str:
    if node.flow_style:
        at = node.end_mark.index - 1
        kept = text[:at].rstrip()
        joint = "" if kept.endswith("{") else ", "
        return kept + joint + line + text[at:]
    # After a line that holds a key and its scalar: behind anything longer the end is not sure.
    after = [pair for pair in node.value if isinstance(pair[1], ScalarNode)]
    last = after[-1] if after else node.value[-1]
    lead = " " * int(last[0].start_mark.column)
    at = _line_end(text, last[1].end_mark.index)
    ending = "\r\n" if "\r\n" in text else "\n"
    before: str = text[:at]
    return before + lead + line + ending + text[at:]


def _without(text: str, node: MappingNode, pair: tuple[Node, Node]) -> str:
    name, value = pair
    if not node.flow_style:
        start = text.rfind("\n", 0, name.start_mark.index) + 1
        return text[:start] + text[_line_end(text, value.end_mark.index) :]
    place = node.value.index(pair)
    if place:
        return text[: node.value[place - 1][1].end_mark.index] + text[value.end_mark.index :]
    following = node.value[1][0].start_mark.index if len(node.value) > 1 else value.end_mark.index
    return text[: name.start_mark.index] + text[following:]


def _line_end(text: str, index: int) -> int:
    """Where the next line begins; a comment belongs to its line."""
    if index and text[index - 1] == "\n":
        return index
    found = text.find("\n", index)
    return len(text) if found < 0 else found + 1


def _written(value: Json, *, flow: bool) -> str:
    """A value on one line of YAML, inside of `{}` where it is `flow`."""
    if isinstance(value, float):
        # 1e-07 is a text in YAML 1.1.
        shown = format(Decimal(repr(value)), "f")
        return shown if "." in shown else f"{shown}.0"
    if isinstance(value, str):
        try:
            plain = yaml.safe_load(f"{{k: {value}}}" if flow else f"k: {value}")
        except yaml.YAMLError:
            plain = None
        if plain == {"k": value}:
            return value
    return json.dumps(value, ensure_ascii=False)
