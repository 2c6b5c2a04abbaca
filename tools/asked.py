"""What a decision was made from, as the audit keeps it, so that it can be made again.

The values of arguments are not in it: they stand in the call's own row, where secrets are masked.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from ledger.calls import ToolCall
from runtime.canonical import Json
from runtime.labels import Label
from tools.catalogue import Deed
from tools.entities import Asked
from tools.policy import Verdict
from tools.projection import Kind
from tools.provenance import ArgumentOrigin, Origin, Provenance


class ArgumentRecord(BaseModel):
    """Where an argument came from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    origin: Origin
    source: str


class AskedRecord(BaseModel):
    """A question beside its row: what that row does not say."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    server: str
    action: Deed
    declared: bool
    foreseen: bool
    asks_effects: bool
    label: Label
    cleared_for: Label
    tainted: bool
    taint: str
    origins: tuple[ArgumentRecord, ...]
    spent_share: int
    hour: int
    weekday: int
    kinds: dict[str, Kind]
    """The types of the arguments that were given."""
    verdict: Verdict
    """What the policies said; a rate limit may still have turned the call away."""


def record_of(call: Asked, verdict: Verdict) -> Json:
    """The question and its verdict as data, for the column `asked` of its row."""
    # As `AskedRecord` says; made by hand, since every call pays for it.
    return {
        "version": 1,
        "server": call.server,
        "action": call.action,
        "declared": call.declared,
        "foreseen": call.foreseen,
        "asks_effects": call.asks_effects,
        "label": call.label.value,
        "cleared_for": call.cleared_for.value,
        "tainted": call.provenance.tainted,
        "taint": call.provenance.taint,
        "origins": [
            {"name": one.name, "origin": one.origin, "source": one.source}
            for one in call.provenance.arguments
        ],
        "spent_share": call.spent_share,
        "hour": call.hour,
        "weekday": call.weekday,
        "kinds": {
            name: kind for name, kind in call.kinds.items() if call.arguments.get(name) is not None
        },
        "verdict": verdict,
    }


def asked_again(row: ToolCall) -> tuple[Asked, Verdict] | None:
    """The question of a recorded call and what the policies said to it; None for a call that none
    was asked about.

    Raises:
        ValueError: the record is not of this form, a later release's for instance.
    """
    if row.asked is None:
        return None
    record = AskedRecord.model_validate(row.asked)
    question = Asked(
        specialist=row.specialist,
        tenant=row.tenant,
        user=row.user,
        task=row.task,
        tool=row.tool,
        server=record.server,
        action=record.action,
        declared=record.declared,
        foreseen=record.foreseen,
        label=record.label,
        cleared_for=record.cleared_for,
        asks_effects=record.asks_effects,
        provenance=Provenance(
            tainted=record.tainted,
            taint=record.taint,
            arguments=tuple(
                ArgumentOrigin(name=one.name, origin=one.origin, shown="", source=one.source)
                for one in record.origins
            ),
        ),
        spent_share=record.spent_share,
        hour=record.hour,
        weekday=record.weekday,
        arguments=row.arguments if isinstance(row.arguments, dict) else {},
        kinds=record.kinds,
    )
    return question, record.verdict
