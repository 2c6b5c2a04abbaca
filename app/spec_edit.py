"""Adds an example to a specialist file, or takes one out, as a person would: by editing its text.

Comments, quotes and line ends stay. The edited text is read again before it is believed.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from pathlib import Path

import yaml

from app.spec_source import front_of
from runtime.canonical import Json
from runtime.errors import UserError

_BY_HAND = "Edit the file by hand; `switchyard check` holds it against the others."


class EditFailed(UserError):
    """The file is not as it would have to be for this edit."""

    def __init__(self, file: Path, reason: str, *, remedy: str = _BY_HAND) -> None:
        self.file = file
        super().__init__(f"{file.name}: {reason}.", remedy=remedy)


def with_example(text: str, file: Path, intent: str, example: str) -> str:
    """The text of a specialist file with one more example at the end of an intent's list.

    Raises:
        EditFailed: there is no such intent, or the list stands there in a form that cannot be
            edited (an alias of another list).
    """
    front, before = _front(text, file)
    examples = _examples(front, intent, file)
    last = examples.value[-1]
    if examples.flow_style:
        at = last.end_mark.index
        edited = front[:at] + ", " + _written(example, flow=True) + front[at:]
    else:
        start = front.rfind("\n", 0, last.start_mark.index) + 1
        lead = front[start : last.start_mark.index]
        at = _after(front, last)
        ending = "\r\n" if "\r\n" in front else "\n"
        edited = front[:at] + lead + _written(example, flow=False) + ending + front[at:]
    wanted = _data(front, file)
    _intent(wanted, intent)["examples"].append(example)
    return _believed(text, before, front, edited, wanted, file)


def without_example(text: str, file: Path, intent: str, example: str) -> str:
    """The text of a specialist file without an example.

    Raises:
        EditFailed: there is no such intent, the example is not in it, or too few would be left.
    """
    front, before = _front(text, file)
    examples = _examples(front, intent, file)
    data = _data(front, file)
    listed = _intent(data, intent)["examples"]
    if example not in listed:
        told = f"{example!r} is not (or no more) an example of intent {intent!r}"
        raise EditFailed(file, told, remedy="Nothing is left to take out.")
    at = len(listed) - 1 - listed[::-1].index(example)
    item = examples.value[at]
    if examples.flow_style:
        start, end = _between_commas(examples.value, at)
    else:
        start = front.rfind("\n", 0, item.start_mark.index) + 1
        end = _after(front, item)
    del listed[at]
    return _believed(text, before, front, front[:start] + front[end:], data, file)


def difference(file: Path, before: str, after: str) -> str:
    """Both texts as a unified diff, without colours."""
    lines = difflib.unified_diff(
        before.splitlines(),
        after.splitlines(),
        f"a/{file.name}",
        f"b/{file.name}",
        lineterm="",
        n=2,
    )
    return "\n".join(lines)


def _front(text: str, file: Path) -> tuple[str, int]:
    """The front matter, and the number of characters before it."""
    front = front_of(text)
    if not front:
        raise EditFailed(file, "there is no front matter")
    return front, text.index(front, text.index("\n") + 1)


def _examples(front: str, intent: str, file: Path) -> yaml.SequenceNode:
    """The list of an intent's examples, with its places."""
    root = yaml.compose(front, Loader=yaml.SafeLoader)
    intents = _value(root, "intents")
    for one in intents.value if isinstance(intents, yaml.SequenceNode) else ():
        name = _value(one, "name")
        examples = _value(one, "examples")
        if name is not None and name.value == intent and isinstance(examples, yaml.SequenceNode):
            if examples.value:
                return examples
            break
    remedy = "It changed since: reject the proposal, or make one for an intent that there is."
    raise EditFailed(file, f"there is no intent {intent!r} with examples", remedy=remedy)


def _value(node: yaml.Node | None, key: str) -> yaml.Node | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for name, value in node.value if name.value == key), None)


def _after(front: str, item: yaml.Node) -> int:
    """Where the line after an item begins; a comment behind the item belongs to its line."""
    end: int = item.end_mark.index
    if end and front[end - 1] == "\n":
        return end  # a block scalar ends at the beginning of the next line
    found = front.find("\n", end)
    return len(front) if found < 0 else found + 1


def _between_commas(items: Sequence[yaml.Node], at: int) -> tuple[int, int]:
    """An item of `[a, b, c]` with one of the commas beside it."""
    if at:
        return items[at - 1].end_mark.index, items[at].end_mark.index
    return items[0].start_mark.index, items[1].start_mark.index


def _written(example: str, *, flow: bool) -> str:
    """The example as YAML: as it is where that is read back, in double quotes where not."""
    for form in (example, json.dumps(example, ensure_ascii=False), json.dumps(example)):
        try:
            read = yaml.safe_load(f"[{form}]" if flow else f"- {form}\n- x")
        except yaml.YAMLError:
            continue
        if read == ([example] if flow else [example, "x"]):
            return form
    raise UserError(
        f"{example[:80]!r} cannot be written as one line of YAML.",
        remedy="Give the example in other words: --text.",
    )


def _data(front: str, file: Path) -> Json:
    try:
        return _unshared(yaml.safe_load(front))
    except yaml.YAMLError as error:
        raise EditFailed(file, "the front matter is not valid YAML") from error


def _unshared(value: Json) -> Json:
    """The value without aliases: what is changed in one place stays as it is in the other."""
    if isinstance(value, dict):
        return {key: _unshared(one) for key, one in value.items()}
    return [_unshared(one) for one in value] if isinstance(value, list) else value


def _intent(data: Json, intent: str) -> dict[str, Json]:
    return next(one for one in data["intents"] if one.get("name") == intent)


def _believed(text: str, before: int, front: str, edited: str, wanted: Json, file: Path) -> str:
    """The edited file, once its front matter says what it should and nothing else."""
    try:
        holds = yaml.safe_load(edited) == wanted
    except yaml.YAMLError:
        holds = False
    if not holds:
        raise EditFailed(file, "its list of examples has a form that is not edited here")
    return text[:before] + edited + text[before + len(front) :]
