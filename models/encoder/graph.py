"""The six layers of MiniLM as one computation on 8-bit integers, built from the published weights.

Each matrix product multiplies 8-bit rows by 7-bit columns. Every row (one word piece) has a scale
of its own, taken from its largest value, so a text's vector does not depend on the texts beside it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.encoder.onnx import FLOAT, FUSED, INT64, UINT8, Graph
from models.encoder.weights import Weights

LAST = 6
"""The last layer, from which the model's makers pool. Layer 0 is what goes into the first."""
WIDTH, _HEADS = 384, 12
_EPSILON = 1e-12

# 8-bit products of unsigned by signed numbers are added in pairs in 16 bits where a processor lacks
# VNNI, and 255 * 127 * 2 does not fit. 255 * 63 * 2 does: the same integers on every processor.
_STEPS_OF_WEIGHTS = 63
_STEPS_OF_ROWS = 127

MIDDLE = 128
"""The zero of an unsigned 8-bit row."""


class Layers:
    """Adds layer after layer to a graph.

    A row is a word piece. All texts stand one below the other: onnxruntime's integer products are
    an eighth faster on two axes than on three.
    """

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._graph = graph = Graph()
        graph.constant("rows", np.array([-1, WIDTH], np.int64))
        graph.constant("second", np.array([1], np.int64))
        graph.constant("step", np.array([1 / _STEPS_OF_ROWS], np.float32))
        graph.constant("one", np.array(1, np.float32))
        graph.constant("middle", np.array(MIDDLE, np.uint8))

    def model(self, layers: Sequence[int]) -> bytes:
        """An ONNX model whose outputs are the means over all pieces after each of the layers.

        Inputs: `x`, embeddings (texts, pieces, width) before their normalisation; `zeros`, `MIDDLE`
        for each piece; `shape`, the shape of `x`.
        """
        graph = self._graph
        rows = self._normalised("embeddings.LayerNorm", graph.node("Reshape", "x", "rows"))
        outputs: dict[str, tuple[int, tuple[str | int, ...]]] = {}
        for number in range(max(layers) + 1):
            if number:
                rows = self._layer(f"encoder.layer.{number - 1}.", rows)
            if number in layers:
                outputs[self._pooled(rows)] = (FLOAT, ("texts", WIDTH))
        inputs = {
            "x": (FLOAT, ("texts", "pieces", WIDTH)),
            "zeros": (UINT8, ("all", 1)),
            "shape": (INT64, (3,)),
        }
        return graph.model(inputs, outputs)

    def _pooled(self, rows: str) -> str:
        return self._graph.node(
            "ReduceMean", self._graph.node("Reshape", rows, "shape"), "second", keepdims=0
        )

    def _layer(self, at: str, rows: str) -> str:
        graph = self._graph
        context = self._attention(at + "attention.self.", rows)
        dense = at + "attention.output.dense"
        mixed = self._product([dense], context)
        rows = self._joined(rows, mixed, dense, at + "attention.output.LayerNorm")
        wide = self._product([at + "intermediate.dense"], rows)
        bias = self._constant(at + "intermediate.dense.bias")
        wide = graph.node("BiasGelu", wide, bias, domain=FUSED)
        narrow = self._product([at + "output.dense"], wide)
        return self._joined(rows, narrow, at + "output.dense", at + "output.LayerNorm")

    def _attention(self, at: str, rows: str) -> str:
        graph = self._graph
        parts = [at + part for part in ("query", "key", "value")]
        product = self._product(parts, rows)
        split = graph.nodes("Split", product, outputs=3, axis=-1, num_outputs=3)
        biases = [self._weights.tensor(part + ".bias") for part in parts]
        seen = graph.node(
            "MultiHeadAttention",
            *(graph.node("Reshape", part, "shape") for part in split),
            graph.constant(at + "bias", np.concatenate(biases)),
            domain=FUSED,
            num_heads=_HEADS,
        )
        return graph.node("Reshape", seen, "rows")

    def _product(self, names: Sequence[str], rows: str) -> str:
        """Rows times the named matrices side by side, without their biases."""
        graph = self._graph
        matrices = [self._weights.tensor(name + ".weight") for name in names]
        columns, scales = by_column(np.concatenate(matrices))
        largest = graph.node("ReduceMax", graph.node("Abs", rows), "second", keepdims=1)
        scale = graph.node("Mul", largest, "step")
        whole = graph.node("QuantizeLinear", rows, scale, "zeros", axis=1, block_size=len(columns))
        product = graph.node(
            "MatMulIntegerToFloat",
            whole,
            graph.constant(names[0] + ".columns", columns),
            "one",
            graph.constant(names[0] + ".scales", scales),
            "middle",
            domain=FUSED,
        )
        return graph.node("Mul", product, scale)

    def _joined(self, rows: str, change: str, dense: str, norm: str) -> str:
        """The sum of a layer's input and its change, normalised."""
        change = self._graph.node("Add", change, self._constant(dense + ".bias"))
        return self._normalised(norm, self._graph.node("Add", change, rows))

    def _normalised(self, name: str, rows: str) -> str:
        return self._graph.node(
            "LayerNormalization",
            rows,
            self._constant(name + ".weight"),
            self._constant(name + ".bias"),
            axis=-1,
            epsilon=_EPSILON,
        )

    def _constant(self, name: str) -> str:
        return self._graph.constant(name, self._weights.tensor(name))


def by_column(matrix: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Integers (inputs, outputs) and a scale for each output of a matrix (outputs, inputs)."""
    scales = np.abs(matrix).max(axis=1) / np.float32(_STEPS_OF_WEIGHTS)
    whole = np.rint(matrix / scales[:, None]).astype(np.int8)
    return np.ascontiguousarray(whole.T), scales
