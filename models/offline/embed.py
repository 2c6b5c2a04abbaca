"""Hashed bag-of-words vectors: texts that share stems point in similar directions."""

from __future__ import annotations

import hashlib
import math

from models.offline.words import terms

SIZE = 256


def embed(text: str) -> list[float]:
    """A vector of length one (zero for a text without words). Equal texts have equal vectors."""
    vector = [0.0] * SIZE
    for term in terms(text):
        place = int.from_bytes(hashlib.blake2b(term.encode(), digest_size=8).digest(), "big")
        vector[place % SIZE] += 1.0 if place >> 63 else -1.0
    length = math.sqrt(sum(part * part for part in vector))
    return [part / length for part in vector] if length else vector
