"""The Cedar schema that policies are checked against, with the arguments of the tools in it.

An action's `args` holds the arguments of its tools. Without a catalogue it is empty: a rule that
guards each argument with `has` fits then too, and one that does not is refused either way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import get_args

from cedarpy import Schema

from tools.catalogue import ToolEntry
from tools.config import Action
from tools.projection import Kind

_HEAD = """\
// Who calls: the specialist, on behalf of a user of a tenant.
entity Specialist = { tenant: String, user: String };

// What is called: `resource == Tool::"crm_get_customer"`, or `resource in Server::"crm"`.
entity Server;
entity Tool in [Server];

action effect;
"""

_ACTION = """
action {name}{parents} appliesTo {{
  principal: [Specialist],
  resource: [Tool],
  context: {{
    declared: Bool,       // the specialist's file lists the tool
    foreseen: Bool,       // the plan named the tool for this task, before untrusted text was read
    asks_effects: Bool,   // a specialist on the way here wants a person before every effect
    effect: Bool,         // the action is neither "read" nor "store"
    label: String,        // the run's data label now: "public", "internal" or "regulated"
    label_rank: Long,     // the same as a number: 0, 1 or 2
    cleared_rank: Long,   // up to which label data may go to the tool's server
    tenant: String,
    user: String,
    task: String,         // the task's id within the run
    tainted: Bool,        // text of strangers was read in this run before
    origin_rank: Long,    // the worst origin of a consequential argument, 0 to 3
    offending: Set<String>,  // names of the arguments that come from strangers
    spent_share: Long,    // percent of the run's money that is spent or set aside
    hour: Long,           // of the day in UTC, 0 to 23
    weekday: Long,        // in UTC, 1 for Monday to 7 for Sunday
    args: {{{args}}},
  }},
}};
"""


def schema_of(entries: Iterable[ToolEntry] = ()) -> str:
    """The schema as Cedar text, with the arguments of these tools.

    An argument of two types in the tools of one action is left out of that action: nothing can
    be said of it that holds for each of them.
    """
    kinds: dict[str, dict[str, set[Kind]]] = {}
    for entry in entries:
        of_action = kinds.setdefault(entry.action, {})
        for name, kind in entry.kinds.items():
            of_action.setdefault(name, set()).add(kind)
    return _HEAD + "".join(
        _action(name, kinds.get(name, {})) for name in ("read", "store", *_EFFECTS)
    )


def conflicts(entries: Iterable[ToolEntry]) -> dict[str, dict[Kind, list[str]]]:
    """Arguments that have more than one type within an action: the tools of each, by argument."""
    found: dict[tuple[str, str], dict[Kind, list[str]]] = {}
    for entry in entries:
        for name, kind in entry.kinds.items():
            found.setdefault((entry.action, name), {}).setdefault(kind, []).append(entry.name)
    several: dict[str, dict[Kind, list[str]]] = {}
    for (_, name), tools in found.items():
        if len(tools) > 1:
            for kind, names in tools.items():
                several.setdefault(name, {}).setdefault(kind, []).extend(names)
    return several


def _action(name: str, args: Mapping[str, set[Kind]]) -> str:
    lines = [
        f"\n      {_quoted(argument)}?: {next(iter(kinds))},"
        for argument, kinds in sorted(args.items())
        if len(kinds) == 1
    ]
    return _ACTION.format(
        name=name,
        parents=" in [effect]" if name in _EFFECTS else "",
        args="".join(lines) + "\n    " if lines else "",
    )


def _quoted(name: str) -> str:
    """A name as a string of Cedar, whatever signs are in it."""
    plain = name.replace("\\", "\\\\").replace('"', '\\"')
    return (
        '"' + "".join(one if one.isprintable() else f"\\u{{{ord(one):x}}}" for one in plain) + '"'
    )


_EFFECTS = tuple(action for action in get_args(Action) if action != "read")

SCHEMA_TEXT = schema_of()
"""The schema without any tool's arguments."""

SCHEMA = Schema.from_str(SCHEMA_TEXT)
