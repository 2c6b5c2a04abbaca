"""Other ways to compute the same vectors, which the encoder's choice is held against."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from bench.plain_minilm import PlainMiniLm
from models.encoder import Encoder
from models.encoder.graph import LAST, Layers, by_column
from models.encoder.minilm import MiniLm, session
from models.encoder.onnx import FUSED
from models.encoder.published import WEIGHTS, published
from models.encoder.weights import Weights


class Floats(Layers):
    """Matrix products in float32."""

    def _product(self, names: Sequence[str], rows: str) -> str:
        matrix = np.concatenate([self._weights.tensor(name + ".weight") for name in names])
        columns = self._graph.constant(names[0] + ".columns", np.ascontiguousarray(matrix.T))
        return self._graph.node("MatMul", rows, columns)


class OneScale(Layers):
    """One scale for all rows of a call, as onnxruntime's own dynamic quantization does it."""

    def _product(self, names: Sequence[str], rows: str) -> str:
        matrix = np.concatenate([self._weights.tensor(name + ".weight") for name in names])
        columns, scales = by_column(matrix)
        return self._graph.node(
            "DynamicQuantizeMatMul",
            rows,
            self._graph.constant(names[0] + ".columns", columns),
            self._graph.constant(names[0] + ".scales", scales),
            domain=FUSED,
        )


class Variant(MiniLm):
    """The encoder with another computation within."""

    def __init__(self, folder: Path, layers: type[Layers]) -> None:
        super().__init__(folder, threads=1, layers=(LAST,))
        with published(folder, WEIGHTS) as file:
            self._session = session(layers(Weights(file)).model((LAST,)))


def _ours(folder: Path) -> Encoder:
    return MiniLm(folder, threads=1, layers=(LAST,))


def _two_threads(folder: Path) -> Encoder:
    return MiniLm(folder, threads=2, layers=(LAST,))


def _floats(folder: Path) -> Encoder:
    return Variant(folder, Floats)


def _one_scale(folder: Path) -> Encoder:
    return Variant(folder, OneScale)


VARIANTS: dict[str, Callable[[Path], Encoder]] = {
    "ours": _ours,
    "ours, two threads": _two_threads,
    "onnxruntime int8, one scale": _one_scale,
    "onnxruntime float32": _floats,
    "numpy float32": PlainMiniLm,
}
"""What opens each of them, given the folder of the published files."""
