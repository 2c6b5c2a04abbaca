"""A judging turn: an answer passes when it says something that touches the request.

That is all that overlap can tell, and the reasons say so.
"""

from __future__ import annotations

from models.offline.conversation import Conversation
from models.offline.schema import Schema, properties, required, resolve, type_of
from models.offline.words import terms
from runtime.canonical import Json

_YES = terms("accept accepted pass passed approve approved good yes ok met satisfied")
_PREFERRED_NO = ("retry", "revise", "reject", "fail", "no")
_EMPTY = frozenset({"", "{}", "[]", "null", '""'})


def answer(conversation: Conversation, schema: Schema) -> Json | None:
    """A verdict in the schema's own words; None if no verdict is demanded."""
    verdict = resolve(properties(schema).get("verdict", {}), schema)
    if "enum" not in verdict:
        return None
    share = _share(conversation)
    accepted = share > 0
    made: dict[str, Json] = {}
    for name, part in properties(schema).items():
        known = resolve(part, schema)
        if name == "verdict":
            made[name] = _word(known["enum"], accepted)
        elif name in required(schema) or name in ("reasons", "reason", "score"):
            made[name] = _part(known, accepted, share)
    return made


def _share(conversation: Conversation) -> float:
    """The part of the words of the request and criteria that the answer has; 0 for no answer."""
    brief = conversation.brief
    said = brief.get("answer", "result", "output").text
    if said.strip("`json \n") in _EMPTY:
        return 0.0
    asked = " ".join(
        brief.get(name).text for name in ("request", "objective", "criteria", "success")
    )
    wanted = terms(asked)
    return len(wanted & terms(said)) / len(wanted) if wanted else 1.0


def _word(offered: list[Json], accepted: bool) -> Json:
    yes = [word for word in offered if isinstance(word, str) and terms(word) & _YES]
    no = [word for word in offered if word not in yes]
    if accepted and yes:
        return yes[0]
    preferred = [word for wanted in _PREFERRED_NO for word in no if wanted in str(word).lower()]
    return next(iter([*preferred, *no]), offered[0])


def _part(schema: Schema, accepted: bool, share: float) -> Json:
    reason = (
        "Judged by overlap of words alone: the answer touches what was asked."
        if accepted
        else "Judged by overlap of words alone: the answer is empty or does not touch the request."
    )
    lowest, highest = schema.get("minimum", 0), schema.get("maximum", 1)
    match type_of(schema):
        case "array":
            return [reason]
        case "number":
            return round(lowest + (highest - lowest) * _mark(accepted, share), 2)
        case "integer":
            return round(lowest + (highest - lowest) * _mark(accepted, share))
        case "boolean":
            return accepted
        case _:
            return reason


def _mark(accepted: bool, share: float) -> float:
    # An accepted answer lies above the middle, however few words it shares.
    return 0.5 + min(0.5, share / 2) if accepted else 0.0
