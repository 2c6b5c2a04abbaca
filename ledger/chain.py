"""What a row of the audit is made of, and how each is bound to the one before it.

Pure: key, salt and time come in as arguments. `ledger.audit` writes rows, `ledger.chain_check`
finds what was done to them.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from ledger.content import plain
from runtime.canonical import Json
from runtime.labels import Label

Kind = Literal[
    "decided",
    "closed",
    "claimed",
    "settled",
    "asked",
    "answered",
    "withdrawn",
    "routed",
    "planned",
]
"""A call was decided or closed; an effect claimed or settled; a question to a person asked,
answered or withdrawn; a request routed, a plan stored."""

# A digest already, and what a decision was made from without any value.
_PLAIN = ("result", "asked")

# All text is ASCII: every database takes it, and gives back exactly what it got.
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """What is told of one event. Empty fields are left out of the row."""

    kind: Kind
    run: str
    subject: str = ""
    """Id of the call or question, key of the effect."""
    task: str = ""
    attempt: int = 0
    specialist: str = ""
    tenant: str = ""
    """Of the run, where it is not given; so is the user."""
    user: str = ""
    label: Label = Label.public
    tool: str = ""
    verdict: str = ""
    policies: tuple[str, ...] = ()
    reason: str = ""
    outcome: str = ""
    by: str = ""
    """The person who answered."""
    effect: str = ""
    """Idempotency key."""
    seconds: float | None = None
    provenance: Json = None
    parts: Mapping[str, Json] = field(default_factory=dict)
    """Content: the row holds a salted digest of each, and they are stored apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One row: its text, the code over it, and the content that its digests are of."""

    entry: str
    mac: str
    content: str | None


def link(
    key: bytes, fact: Fact, *, number: int, previous: str, at: float, label: Label, salt: str
) -> Link:
    """The row of a fact. `previous` is the code of the row before it, empty for the first.

    Args:
        label: The run's label now. Of a regulated run the row and its content hold no argument,
            question or reason, only digests under the key.
        salt: Random, as hexadecimal digits; kept with the content and nowhere else.
    """
    reason, parts = fact.reason, dict(fact.parts)
    if label is Label.regulated:
        if reason:
            reason, parts = "", parts | {"reason": reason}
        parts = {name: _hidden(key, salt, name, part) for name, part in parts.items()}
    texts = {name: text_of(part) for name, part in parts.items()}
    told: dict[str, Json] = {
        "kind": fact.kind,
        "subject": fact.subject,
        "task": fact.task,
        "parent": fact.task.rpartition("/")[0],
        "attempt": fact.attempt,
        "specialist": fact.specialist,
        "tenant": fact.tenant,
        "user": fact.user,
        "label": label.value,
        "tool": fact.tool,
        "verdict": fact.verdict,
        "policies": fact.policies,
        "reason": reason,
        "outcome": fact.outcome,
        "by": fact.by,
        "effect": fact.effect,
        "provenance": fact.provenance,
        "digests": {name: salted(salt, text) for name, text in texts.items()},
    }
    entry = {name: value for name, value in told.items() if value}
    if fact.seconds is not None:
        entry["seconds"] = round(fact.seconds, 6)
    entry |= {"run": fact.run, "number": number, "at": round(at, 6), "previous": previous}
    text = text_of(entry)
    # Put together by hand: the parts are encoded already.
    inner = ",".join(f'"{name}":{texts[name]}' for name in sorted(texts))
    content = f'{{"parts":{{{inner}}},"salt":"{salt}"}}' if texts else None
    return Link(entry=text, mac=mac(key, text), content=content)


def mac(key: bytes, entry: str) -> str:
    """The code of a row's text, as 64 hexadecimal digits."""
    code = _begun(key).copy()
    code.update(entry.encode())
    return code.hexdigest()


@lru_cache(maxsize=8)
def _begun(key: bytes) -> hmac.HMAC:
    """The part of a code that is the same for every text: half of what a short one costs."""
    return hmac.new(key, digestmod="sha256")


def seal(key: bytes, run: str, count: int, head: str) -> str:
    """The code over how many rows a run has and which is the last.

    A cut-off tail leaves a row that verifies; only who knows the key can seal it as the last one.
    """
    return mac(key, f"seal {count} {head} {run}")


def salted(salt: str, text: str) -> str:
    """Digest of a part's text. Without the salt it says nothing about the part."""
    return hashlib.sha256(f"{salt} {text}".encode()).hexdigest()


def text_of(value: Json) -> str:
    """The one text of a JSON value that codes and digests are taken of."""
    try:
        return _ENCODER.encode(value)
    except (TypeError, ValueError):
        return _ENCODER.encode(plain(value))


def _hidden(key: bytes, salt: str, name: str, part: Json) -> Json:
    """A part of a regulated run: the digest of each argument, or of the whole part."""
    if name == "arguments" and isinstance(part, dict):
        return {argument: _hidden(key, salt, "", value) for argument, value in part.items()}
    if name in _PLAIN:
        return part
    return f"hmac-sha256:{mac(key, f'{salt} {text_of(part)}')}"
