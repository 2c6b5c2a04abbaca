"""What a rule looks at: the tools of its scope, the context, and which arguments of a call.

Read from the parsed policy, so that only what some rule looks at is put together for a decision.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from runtime.canonical import Json
from tools.catalogue import Deed, ToolEntry

_CONTEXT: Json = {"Var": "context"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What rules look at in a call."""

    context: frozenset[str] | None = frozenset()
    """Attributes of the context; None for all of it."""
    arguments: frozenset[str] | None = frozenset()
    """Arguments of the call, by name; None for all of them."""

    def __or__(self, other: Seen) -> Seen:
        """What either looks at."""
        return Seen(
            context=_union(self.context, other.context),
            arguments=_union(self.arguments, other.arguments),
        )

    def attribute(self, name: str) -> bool:
        """Whether this attribute of the context is looked at."""
        return self.context is None or name in self.context

    def argument(self, name: str) -> bool:
        """Whether this argument is looked at."""
        return self.arguments is None or name in self.arguments


ALL = Seen(context=None, arguments=None)
"""Everything that there is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What a rule looks at, and for which calls."""

    tool: str = ""
    """The one tool of its scope; empty for more."""
    server: str = ""
    """The one server of its scope; empty for more."""
    actions: frozenset[str] = frozenset()
    """The actions of its scope, as they are written; empty for every one."""
    seen: Seen = Seen()

    @property
    def own(self) -> bool:
        """Whether it names the tool or the server that it is for."""
        return bool(self.tool or self.server)

    def covers(self, entry: ToolEntry) -> bool:
        """Whether a call of this tool is within its scope, whoever makes it."""
        return (
            self.tool in ("", entry.name)
            and self.server in ("", entry.server)
            and self.acts(entry.action)
        )

    def acts(self, action: Deed) -> bool:
        """Whether this action is within its scope. No other one can meet the rule, or fail it."""
        meant = {action} if action in ("read", "store") else {action, "effect"}
        return not self.actions or not self.actions.isdisjoint(meant)


def sight_of(policy: Json) -> Sight:
    """What one policy looks at, from its JSON form."""
    bodies = [one["body"] for one in policy.get("conditions", ())]
    context: set[str] = set()
    arguments: set[str] = set()
    whole = [_look(body, context, arguments) for body in bodies]
    all_context = any(seen == "context" for seen in whole)
    all_arguments = all_context or any(seen == "args" for seen in whole)
    tool, server = _resource(policy.get("resource", {}))
    return Sight(
        tool=tool,
        server=server,
        actions=_actions(policy.get("action", {})),
        seen=Seen(
            context=None if all_context else frozenset(context),
            arguments=None if all_arguments else frozenset(arguments),
        ),
    )


def _union(one: frozenset[str] | None, other: frozenset[str] | None) -> frozenset[str] | None:
    return None if one is None or other is None else one | other


def _resource(scope: Json) -> tuple[str, str]:
    named = scope.get("entity") or (scope.get("in") or {}).get("entity") or {}
    tool = named.get("id", "") if named.get("type") == "Tool" else ""
    server = named.get("id", "") if named.get("type") == "Server" else ""
    return tool, server


def _actions(scope: Json) -> frozenset[str]:
    named = scope.get("entities") or ([scope["entity"]] if "entity" in scope else [])
    return frozenset(one["id"] for one in named)


def _look(node: Json, context: set[str], arguments: set[str]) -> str:
    """Note what an expression looks at. Returns `context` or `args` where it takes one whole."""
    if node == _CONTEXT:
        return "context"
    if isinstance(node, list):
        return _widest(_look(one, context, arguments) for one in node)
    if not isinstance(node, dict) or "Value" in node:
        return ""
    for word in (".", "has"):
        if word in node and isinstance(node[word], dict):
            left, name = node[word]["left"], node[word]["attr"]
            if left == _CONTEXT:
                context.add(name)
                return "args" if (word, name) == (".", "args") else ""
            if left == {".": {"left": _CONTEXT, "attr": "args"}}:
                context.add("args")
                arguments.add(name)
                return ""
    return _widest(_look(one, context, arguments) for one in node.values())


def _widest(seen: Iterable[str]) -> str:
    found = set(seen)
    return next((one for one in ("context", "args") if one in found), "")
