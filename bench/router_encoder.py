"""The sentence encoder of a benchmark: ours, asked once for each text.

Every system gets the vectors of one encoder: ours those of the layers that it serves with, the
others the model's own, which are those of its last layer. Where time is measured this stands in
nobody's way: those parts use the encoder itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from agents.routing.encoding import LAYERS
from bench.report import progress
from models.encoder import Encoder, open_encoder

_BATCH = 256


def opened(threads: int = 1) -> Encoder:
    """Our encoder.

    Raises:
        SystemExit: the package of its weights is not installed.
    """
    encoder = open_encoder(threads=threads, layers=LAYERS)
    if encoder is None:
        raise SystemExit("The encoder's weights are not installed. Run `make install` first.")
    return encoder


class Remembering:
    """An encoder that has seen its texts before."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._known: dict[str, NDArray[np.float32]] = {}

    @property
    def name(self) -> str:
        """That of the encoder behind it."""
        return self._encoder.name

    @property
    def width(self) -> int:
        """That of the encoder behind it."""
        return self._encoder.width

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The vectors; what is not known yet is worked out now."""
        self._learn(text for text in texts if text not in self._known)
        if not texts:
            return np.zeros((0, self.width), dtype=np.float32)
        return np.stack([self._known[text] for text in texts])

    def learn(self, texts: Iterable[str]) -> None:
        """Work out the vectors of texts ahead, and tell how long it took."""
        began = perf_counter()
        count = self._learn(texts)
        progress(f"{count} texts encoded in {perf_counter() - began:.0f} s")

    def _learn(self, texts: Iterable[str]) -> int:
        new = sorted({text for text in texts if text not in self._known}, key=len)
        for start in range(0, len(new), _BATCH):
            batch = new[start : start + _BATCH]
            self._known.update(zip(batch, self._encoder.encode(batch), strict=True))
        return len(new)
