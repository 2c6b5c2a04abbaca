"""Reads the tensors of a safetensors file one by one, so that it never stands in memory whole.

The format is a length, a JSON header with names and places, then the bytes of the tensors
(https://huggingface.co/docs/safetensors). The file was checked against its hash before.
"""

from __future__ import annotations

import json
from math import prod
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

_ROWS = 2048
"""Rows of a table that are in memory at once in full precision."""


class Weights:
    """The float32 tensors of an open file, by name."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
        self._start = 8 + length
        self._places: dict[str, tuple[tuple[int, ...], int]] = {
            name: (tuple(entry["shape"]), entry["data_offsets"][0])
            for name, entry in header.items()
            if name != "__metadata__"
        }

    @property
    def names(self) -> tuple[str, ...]:
        """All tensors, in the order of the file."""
        return tuple(self._places)

    def tensor(self, name: str) -> NDArray[np.float32]:
        """One tensor in full precision."""
        shape, offset = self._places[name]
        self._file.seek(self._start + offset)
        return self._next(shape)

    def half(self, name: str) -> NDArray[np.float16]:
        """One table in half precision, which takes half of the memory."""
        (rows, columns), offset = self._places[name]
        self._file.seek(self._start + offset)
        table = np.empty((rows, columns), np.float16)
        for start in range(0, rows, _ROWS):
            some = table[start : start + _ROWS]
            some[:] = self._next(some.shape)
        return table

    def _next(self, shape: tuple[int, ...]) -> NDArray[np.float32]:
        return np.frombuffer(self._file.read(4 * prod(shape)), "<f4").reshape(shape)
