"""A tool call in Cedar's terms: the schema that policies are checked against, and the projection.

Everything a policy may look at stands here, typed and always present, so that no condition can
fail for want of an attribute.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, get_args

from cedarpy import Entities, Schema

from runtime.context import RunContext
from runtime.labels import Label
from tools.catalogue import Deed, ToolEntry
from tools.config import Action

_EFFECTS = ", ".join(action for action in get_args(Action) if action != "read")

SCHEMA_TEXT = f"""\
// Who calls: the specialist, on behalf of a user of a tenant.
entity Specialist = {{ tenant: String, user: String }};

// What is called: `resource == Tool::"crm_get_customer"`, or `resource in Server::"crm"`.
entity Server;
entity Tool in [Server];

// What is known about the call.
type Call = {{
  declared: Bool,       // the specialist's file lists the tool
  foreseen: Bool,       // the plan named the tool for this task, before untrusted text was read
  effect: Bool,         // the action is neither "read" nor "store"
  label: String,        // the run's data label now: "public", "internal" or "regulated"
  label_rank: Long,     // the same as a number: 0, 1 or 2
  cleared_rank: Long,   // up to which label data may go to the tool's server
  tenant: String,
  user: String,
  task: String,         // the task's id within the run
}};

action effect;
action read, store appliesTo {{ principal: [Specialist], resource: [Tool], context: Call }};
action {_EFFECTS} in [effect]
  appliesTo {{ principal: [Specialist], resource: [Tool], context: Call }};
"""
"""The schema of our policies. `action in Action::"effect"` is every action but these two."""

SCHEMA = Schema.from_str(SCHEMA_TEXT)


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


def asked(context: RunContext, entry: ToolEntry, label: Label) -> Asked:
    """The question whether this run may call this tool while it carries data of `label`."""
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
    )


def request(call: Asked) -> dict[str, Any]:
    """The authorization request, in the dictionary form that Cedar's binding takes."""
    return {
        "principal": {"type": "Specialist", "id": call.specialist},
        "action": {"type": "Action", "id": call.action},
        "resource": {"type": "Tool", "id": call.tool},
        "context": {
            "declared": call.declared,
            "foreseen": call.foreseen,
            "effect": call.action not in ("read", "store"),
            "label": call.label.value,
            "label_rank": call.label.rank,
            "cleared_rank": call.cleared_for.rank,
            "tenant": call.tenant,
            "user": call.user,
            "task": call.task,
        },
    }


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
