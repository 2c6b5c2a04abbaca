"""One canonical form of JSON values, so that equal values have equal hashes everywhere."""

from __future__ import annotations

import hashlib
import json
from typing import Any

Json = Any
"""A JSON value of unknown shape, at the places where other people decide the shape."""


def canonical(value: object) -> str:
    """Sorted keys, no white space, no NaN: the text that digests are taken of.

    Raises:
        ValueError: NaN or an infinity is in the value.
        TypeError: the value is not JSON.
    """
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def digest(value: object) -> str:
    """SHA-256 of the canonical form, as 64 hexadecimal digits."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()
