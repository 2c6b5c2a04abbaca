"""all-MiniLM-L6-v2 as its makers define it, in float32 and plain numpy.

What the encoder's integers are held against, in its benchmark and in its tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf
from tokenizers import Tokenizer

from models.encoder.published import TOKENIZER, WEIGHTS, published
from models.encoder.weights import Weights

Rows = NDArray[np.float32]


class PlainMiniLm:
    """One text after the other, without any batch."""

    name = "numpy-float32"
    width = 384

    def __init__(self, folder: Path) -> None:
        with published(folder, TOKENIZER) as file:
            self._tokenizer = Tokenizer.from_str(file.read().decode())
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(128)
        with published(folder, WEIGHTS) as file:
            weights = Weights(file)
            self._get = {name: weights.tensor(name) for name in weights.names if _used(name)}

    def encode(self, texts: Sequence[str]) -> Rows:
        """One row of length one for each text."""
        return np.stack([self._vector(self._tokenizer.encode(text).ids) for text in texts])

    def _vector(self, ids: list[int]) -> Rows:
        at = "embeddings."
        x = self._get[at + "word_embeddings.weight"][ids]
        x = x + self._get[at + "token_type_embeddings.weight"][0]
        x = x + self._get[at + "position_embeddings.weight"][: len(ids)]
        x = self._normalised(x, at + "LayerNorm")
        for number in range(6):
            x = self._layer(x, f"encoder.layer.{number}.")
        pooled = x.mean(0)
        return np.asarray(pooled / np.linalg.norm(pooled), np.float32)

    def _layer(self, x: Rows, at: str) -> Rows:
        query, key, value = (
            self._linear(x, f"{at}attention.self.{part}").reshape(len(x), 12, 32).transpose(1, 0, 2)
            for part in ("query", "key", "value")
        )
        scores = np.exp(query @ key.transpose(0, 2, 1) / np.sqrt(np.float32(32)))
        seen = (scores / scores.sum(-1, keepdims=True)) @ value
        seen = seen.transpose(1, 0, 2).reshape(len(x), 384)
        mixed = self._linear(seen, at + "attention.output.dense")
        x = self._normalised(x + mixed, at + "attention.output.LayerNorm")
        wide = self._linear(x, at + "intermediate.dense")
        wide = wide * (1 + erf(wide / np.sqrt(np.float32(2)))) / 2
        return self._normalised(
            x + self._linear(wide, at + "output.dense"), at + "output.LayerNorm"
        )

    def _linear(self, x: Rows, at: str) -> Rows:
        return np.asarray(x @ self._get[at + ".weight"].T + self._get[at + ".bias"], np.float32)

    def _normalised(self, x: Rows, at: str) -> Rows:
        off = x - x.mean(-1, keepdims=True)
        even = off / np.sqrt((off**2).mean(-1, keepdims=True) + 1e-12)
        return np.asarray(even * self._get[at + ".weight"] + self._get[at + ".bias"], np.float32)


def _used(name: str) -> bool:
    return name.startswith(("encoder.", "embeddings.")) and not name.endswith("position_ids")
