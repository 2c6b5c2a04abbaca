"""What goes into a tool call and what comes out of it, as agents and graphs see it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from ledger.approvals import Approval
from ledger.calls import Outcome
from runtime.canonical import Json, digest
from runtime.context import RunContext
from tools.elicitation import Filled

Phase = Literal["called", "answered", "asked", "denied", "progress"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolReply:
    """How a call ended. Whatever is wrong stands in `text`; it is never raised."""

    id: str
    """The call's id in the audit, which claims cite as evidence."""
    text: str
    """The result, or what is wrong and what to do."""
    data: Json
    """The structured content of the result; None when there is none."""
    error: bool
    outcome: Outcome
    handed_off: str = ""
    """Path of the run's file that holds the whole text, where `text` is only its beginning."""
    blocks: Json = None
    """The content in the protocol's own blocks, where one of them is not text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolEvent:
    """A step of a call, for a live view."""

    task: str
    tool: str
    phase: Phase
    call: str
    seconds: float = 0.0
    """Since the tool was called; 0 before."""
    outcome: str = ""
    """How it ended; only once it was answered."""
    share: float | None = None
    """How far the tool says it is, from 0 to 1; None when it does not say."""
    message: str = ""
    """What it says of its progress, in its own words: data of a stranger."""


Ask = Callable[[Approval], Awaitable[Literal["approved", "refused"] | Filled]]
"""Puts a question to a person. Only a question of the kind `elicitation` may be answered by what
they filled in; of any other kind that is a refusal. It may raise to suspend the run; that passes
through the gateway untouched, and the same call made again finds the question under the same id."""

Report = Callable[[ToolEvent], None]


def call_id(context: RunContext, tool: str, arguments: Mapping[str, Json], call: str) -> str:
    """The id of a call: the same when a run that was cut off makes it again.

    `call` is the id that the model gave to it.
    """
    made = [context.run, context.task, context.attempt, tool, dict(arguments), call]
    return f"c-{digest(made)[:12]}"


def effect_key(context: RunContext, tool: str, arguments: Mapping[str, Json]) -> str:
    """The idempotency key of an effect: the same in every attempt, wherever in a graph it runs."""
    return digest([context.run, context.task, tool, dict(arguments)])


def approval_id(context: RunContext, tool: str, arguments: Mapping[str, Json]) -> str:
    """The id of the question about a call: a person is asked once for each effect."""
    return f"a-{effect_key(context, tool, arguments)[:24]}"
