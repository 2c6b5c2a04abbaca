"""One exchange with what stands behind the gate: sent, answered, capped, and told as an outcome.

It knows targets and answers, but neither policy nor ledger: those stand before and after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mcp.types import URL_ELICITATION_REQUIRED

from ledger.calls import Outcome
from ledger.effects import EffectState
from runtime.canonical import Json
from runtime.errors import ServerUnavailable
from tools.catalogue import ToolEntry
from tools.live import CallLost, CallRefused, Ending, Withheld
from tools.results import Answer
from tools.target import Origin, Place

# Codes of a server that did not begin: not JSON, no request, no such method, bad arguments, and a
# person has to open an address first.
_NOT_BEGUN = frozenset({-32700, -32600, -32601, -32602, URL_ELICITATION_REQUIRED})

_OUTCOMES: Mapping[Ending, Outcome] = {"timeout": "timeout", "too_large": "too_large"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchanged:
    """How a call at the server ended."""

    answer: Answer
    """What the model gets; the remedy included when something is wrong."""
    outcome: Outcome
    state: EffectState
    """What this means for an effect."""
    answered: bool
    """Whether the answer is the tool's own, hence carries its data."""


async def exchange(place: Place, arguments: dict[str, Json], origin: Origin) -> Exchanged:
    """Call a tool. A server that was gone is called once more where that is safe."""
    entry = place.entry
    try:
        return await _once(place, arguments, origin)
    except CallLost as lost:
        safe = not entry.effect or bool(entry.key)
        if lost.kind != "unsent" and not (lost.kind == "died" and safe):
            return _lost(entry, lost)
        untouched = lost.kind == "unsent"
    except ServerUnavailable as error:
        return _unsent(error, state="failed")
    try:
        return await _once(place, arguments, origin)
    except CallLost as lost:
        return _lost(entry, lost)
    except ServerUnavailable as error:
        return _unsent(error, state="failed" if untouched else "unknown")


async def _once(place: Place, arguments: dict[str, Json], origin: Origin) -> Exchanged:
    entry, max_bytes = place.entry, place.terms.max_bytes
    try:
        answer = await place.target.call(entry.remote, arguments, origin)
    except CallRefused as error:
        told = f"{entry.name} was refused by its server: {error} (code {error.code})."
        return _failed(told, state="failed" if error.code in _NOT_BEGUN else "unknown")
    if answer.size > max_bytes:
        told = f"The result of {entry.name} takes {answer.size:,} bytes; at most {max_bytes:,} are "
        told += "passed on. Ask for less, with the tool's own filters, limits or ranges."
        return Exchanged(
            answer=Answer(text=told, data=None, error=True),
            outcome="too_large",
            state="failed" if answer.error else "done",
            answered=False,
        )
    return Exchanged(
        answer=answer,
        outcome="error" if answer.error else "ok",
        state="failed" if answer.error else "done",
        answered=True,
    )


def _unsent(error: ServerUnavailable, *, state: EffectState) -> Exchanged:
    outcome: Outcome = "denied" if isinstance(error, Withheld) else "error"
    return _failed(str(error), state=state, outcome=outcome)


def _failed(told: str, *, state: EffectState, outcome: Outcome = "error") -> Exchanged:
    return Exchanged(
        answer=Answer(text=told, data=None, error=True),
        outcome=outcome,
        state=state,
        answered=False,
    )


def _lost(entry: ToolEntry, lost: CallLost) -> Exchanged:
    if lost.kind == "unsent":
        return _failed(f"{entry.name} was not reached: {lost.reason}", state="failed")
    told = f"{entry.name} gave no usable answer: {lost.reason} "
    if not entry.effect:
        told += "Try again with a smaller request, or go on without it."
    elif entry.key:
        told += "The same call may be made again: its key keeps it from happening twice."
    else:
        told += unknown_outcome(entry)
    return Exchanged(
        answer=Answer(text=told, data=None, error=True),
        outcome=_OUTCOMES.get(lost.kind, "error"),
        state="unknown",
        answered=False,
    )


def unknown_outcome(entry: ToolEntry) -> str:
    """What to do when nobody knows whether an effect happened."""
    return (
        f"Whether {entry.name} took effect is not known, so it is not called again with these "
        "arguments. A person has to look at its target and settle it (switchyard effects); say so "
        "in the answer."
    )
