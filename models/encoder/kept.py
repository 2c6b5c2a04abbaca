"""Vectors of known texts in one file, so that a restart computes only what is new.

Losing the file costs time and nothing else: whatever is wrong with it, it is left or made anew.
"""

from __future__ import annotations

import hashlib
import logging
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]
Value = TypeVar("Value")

MOST = 100_000
"""Vectors that a file keeps; the oldest go first."""

_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_WAIT = 5.0
"""Seconds for which another process may hold the file."""

_log = logging.getLogger(__name__)


class Kept:
    """A file of vectors of length one, of one encoder. Several processes may share it.

    Texts stand in it by their hash only. All of it blocks.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def read(self, texts: Iterable[str]) -> dict[str, Vector]:
        """The vectors that are kept, by text."""

        def select(database: sqlite3.Connection) -> dict[str, Vector]:
            found = {}
            for text in texts:
                query = "SELECT vector FROM vectors WHERE text = ?"
                row = database.execute(query, (_key(text),)).fetchone()
                vector = _vector(row[0]) if row else None
                if vector is not None:
                    found[text] = vector
            return found

        return self._use(select) or {}

    def write(self, vectors: Mapping[str, Vector]) -> None:
        """Keep vectors, in place of older ones of the same texts."""
        rows = [(_key(text), vector.astype("<f4").tobytes()) for text, vector in vectors.items()]

        def insert(database: sqlite3.Connection) -> None:
            database.executemany(
                "INSERT OR REPLACE INTO vectors (text, vector) VALUES (?, ?)", rows
            )
            database.execute(
                "DELETE FROM vectors WHERE rowid <= (SELECT max(rowid) FROM vectors) - ?", (MOST,)
            )

        if rows:
            self._use(insert)

    def forget(self) -> None:
        """Keep none of them any longer."""
        self._use(lambda database: database.execute("DELETE FROM vectors"))

    def _use(self, work: Callable[[sqlite3.Connection], Value]) -> Value | None:
        """What the work returns; None when the file cannot be used."""
        for _ in ("as it is", "anew"):
            try:
                self._file.parent.mkdir(parents=True, exist_ok=True)
                with closing(sqlite3.connect(self._file, timeout=_WAIT)) as database, database:
                    database.execute(
                        "CREATE TABLE IF NOT EXISTS vectors"
                        " (text BLOB NOT NULL UNIQUE, vector BLOB NOT NULL)"
                    )
                    return work(database)
            except (sqlite3.Error, OSError) as error:
                _log.warning("%s: vectors are computed anew: %s", self._file, error)
                if getattr(error, "sqlite_errorcode", None) not in _DAMAGE:
                    return None
                self._file.unlink(missing_ok=True)
        return None


def _key(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _vector(stored: object) -> Vector | None:
    """A stored vector, unless its bytes are not those of a vector of length one."""
    if not isinstance(stored, bytes) or not stored or len(stored) % 4:
        return None
    vector = np.frombuffer(stored, "<f4").astype(np.float32)
    # A bit that turned over would change routes without a word.
    return vector if abs(float(np.linalg.norm(vector)) - 1) < 1e-3 else None
