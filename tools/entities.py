"""A tool call in Cedar's terms: the question that is put to the policies, and its projection.

Everything a policy may look at stands here, typed and always present, so that no condition can
fail for want of an attribute. Only arguments may be missing, and are asked for with `has`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from cedarpy import Entities

from ledger.budget import Budget
from runtime.canonical import Json
from runtime.context import RunContext
from runtime.labels import Label
from tools.catalogue import Deed, ToolEntry
from tools.projection import Kind, project
from tools.provenance import CLEAN, Provenance
from tools.schema import SCHEMA
from tools.sight import ALL, Seen

_HOUR, _DAY = 3600, 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Everything that a decision depends on."""

    specialist: str
    tenant: str
    user: str
    task: str
    tool: str
    server: str
    action: Deed
    declared: bool
    foreseen: bool
    label: Label
    cleared_for: Label
    asks_effects: bool = False
    provenance: Provenance = CLEAN
    spent_share: int = 0
    """Percent of the run's money that is spent or set aside; 0 where no policy looks at it."""
    hour: int = 0
    """Of the day in UTC, 0 to 23."""
    weekday: int = 1
    """In UTC, from 1 for Monday to 7 for Sunday."""
    arguments: Mapping[str, Json] = field(default_factory=dict)
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    """The types of the arguments; those without one are not shown to policies."""


def asked(
    context: RunContext,
    entry: ToolEntry,
    label: Label,
    provenance: Provenance = CLEAN,
    *,
    at: float,
    arguments: Mapping[str, Json] | None = None,
    spent_share: int = 0,
) -> Asked:
    """The question whether this run may make this call while it carries data of `label`.

    Args:
        at: When it is asked, in UTC seconds since 1970.
        arguments: Those of the call; those that the tool's schema does not name are not looked at.
    """
    hour, weekday = clock(at)
    return Asked(
        specialist=context.specialist,
        tenant=context.tenant,
        user=context.user,
        task=context.task,
        tool=entry.name,
        server=entry.server,
        action=entry.action,
        declared=entry.name in context.tools,
        foreseen=entry.name in context.foreseen,
        label=label,
        cleared_for=entry.cleared_for,
        asks_effects=context.asks_effects,
        provenance=provenance,
        spent_share=spent_share,
        hour=hour,
        weekday=weekday,
        arguments=arguments or {},
        kinds=entry.kinds,
    )


def clock(at: float) -> tuple[int, int]:
    """The hour and the weekday of a time, in UTC."""
    days, seconds = divmod(int(at), _DAY)
    # The first day of 1970 was a Thursday.
    return seconds // _HOUR, (days + 3) % 7 + 1


def spent_share(budget: Budget | None) -> int:
    """Percent of a run's money that is spent or set aside; 0 where there is no ceiling."""
    if budget is None or budget.ceiling <= 0:
        return 0
    return int(100 * (budget.reserved + budget.spent) / budget.ceiling)


_CONTEXT: Mapping[str, Callable[[Asked], Json]] = {
    "declared": lambda call: call.declared,
    "foreseen": lambda call: call.foreseen,
    "asks_effects": lambda call: call.asks_effects,
    "effect": lambda call: call.action not in ("read", "store"),
    "label": lambda call: call.label.value,
    "label_rank": lambda call: call.label.rank,
    "cleared_rank": lambda call: call.cleared_for.rank,
    "tenant": lambda call: call.tenant,
    "user": lambda call: call.user,
    "task": lambda call: call.task,
    "tainted": lambda call: call.provenance.tainted,
    "origin_rank": lambda call: call.provenance.rank,
    "offending": lambda call: [one.name for one in call.provenance.offending],
    "spent_share": lambda call: call.spent_share,
    "hour": lambda call: call.hour,
    "weekday": lambda call: call.weekday,
}
"""The context but for the arguments, as `tools/schema.py` types it."""


def request(specialist: str, action: Deed, tool: str, context: str) -> dict[str, Any]:
    """The authorization request in the form that Cedar's binding takes; the context as JSON."""
    return {
        "principal": {"type": "Specialist", "id": specialist},
        "action": {"type": "Action", "id": action},
        "resource": {"type": "Tool", "id": tool},
        "context": context,
    }


def context_of(call: Asked, seen: Seen = ALL) -> dict[str, Json]:
    """What the rules are shown of a call besides caller, action and tool.

    Only what some rule looks at: to hand a context over to Cedar costs more than to decide.
    """
    names = _CONTEXT if seen.context is None else seen.context
    shown = {name: _CONTEXT[name](call) for name in names if name in _CONTEXT}
    if seen.context is None or "args" in seen.context:
        shown["args"] = project(call.kinds, call.arguments, seen.arguments)
    return shown


@lru_cache(maxsize=1024)
def entities(specialist: str, tenant: str, user: str, tool: str, server: str) -> Entities:
    """Caller and tool as entities. Kept, since parsing them costs more than a decision."""
    return Entities.from_json_str(
        json.dumps(
            [
                {
                    "uid": {"type": "Specialist", "id": specialist},
                    "attrs": {"tenant": tenant, "user": user},
                    "parents": [],
                },
                {
                    "uid": {"type": "Tool", "id": tool},
                    "attrs": {},
                    "parents": [{"type": "Server", "id": server}],
                },
            ]
        ),
        SCHEMA,
    )
