"""The local sentence encoder, shared by routing, memory and duplicate checks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.encoder.graph import LAST, WIDTH
from models.encoder.published import folder


class Encoder(Protocol):
    """Turns texts into vectors of length one."""

    @property
    def name(self) -> str:
        """Tells encoders apart whose vectors cannot be compared."""
        ...

    @property
    def width(self) -> int:
        """Numbers in a vector."""
        ...

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row of length one for each text; deterministic, and safe in several threads.

        A row follows from its text alone, whatever other texts come with it.
        """
        ...


def open_encoder(threads: int = 1, *, layers: Sequence[int] = (LAST,)) -> Encoder | None:
    """The encoder whose weights are installed; None where they are not. Takes about a second the
    first time in a process.

    Args:
        threads: how many threads work on a call with many texts; one text always takes one.
        layers: 1 to 6, the layers whose pooled outputs stand one after the other in a vector.

    Raises:
        ConfigError: the installed files are not the published ones.
    """
    found = folder()
    return None if found is None else _opened(found, threads, tuple(layers))


@lru_cache(maxsize=4)
def _opened(found: Path, threads: int, layers: tuple[int, ...]) -> Encoder:
    """One for all that ask for the same: it holds nothing that changes."""
    # Late on purpose: the runtime of the model takes 30 MB, and most commands route nothing.
    encoder: Encoder = import_module("models.encoder.minilm").MiniLm(
        found, threads=threads, layers=layers
    )
    return encoder


class LastLayer:
    """The model's own sentence vectors, as its makers define them, from an encoder that puts other
    layers before the last one."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self.name = f"{encoder.name}-last"
        self.width = WIDTH

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row of length one for each text."""
        rows = self._encoder.encode(texts)[:, -WIDTH:]
        own: NDArray[np.float32] = rows * np.float32((self._encoder.width / WIDTH) ** 0.5)
        return own
