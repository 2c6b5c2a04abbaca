"""Content as it is stored: canonical JSON under its SHA-256, whatever a model or tool returned."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from runtime.canonical import Json, canonical


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    digest: str
    content: bytes


def stored(value: object) -> Stored:
    """A value in its stored form. Of a JSON value the digest is that of `runtime.canonical`."""
    try:
        content = canonical(value).encode()
    except (TypeError, ValueError):
        # ValueError: NaN, an infinity, or half of a surrogate pair.
        content = canonical(plain(value)).encode()
    return Stored(digest=hashlib.sha256(content).hexdigest(), content=content)


def plain(value: object) -> Json:
    """The value as JSON that can be stored: what is none is written as text."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    # Half of a surrogate pair, which a broken answer may contain, has no UTF-8 form.
    return json.loads(text.encode(errors="replace"), parse_constant=str)


def written(value: object) -> str:
    """The text of a JSON column. NaN and infinities, which are no JSON, become text."""
    try:
        return json.dumps(value, allow_nan=False)
    except ValueError:
        return json.dumps(plain(value))
