"""Writes a computation as an ONNX model, the one thing that onnxruntime reads.

ONNX is a protobuf format; what a model of ours needs of it is written here in few lines, in place
of the package `onnx` with its own dependencies. Field numbers are those of onnx.proto.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

FLOAT, UINT8, INT8, INT64 = 1, 2, 3, 7
"""Element types of tensors."""
FUSED = "com.microsoft"
"""The domain of the operators that onnxruntime adds to the standard's."""

_TYPES = {"float32": FLOAT, "uint8": UINT8, "int8": INT8, "int64": INT64}
_IR_VERSION, _OPSET, _FUSED_OPSET = 10, 21, 1

Shape = Sequence[str | int]
"""Sizes; a name stands for a size that differs from call to call."""


class Graph:
    """Nodes and constants, added in the order in which they are computed."""

    def __init__(self) -> None:
        self._nodes: list[bytes] = []
        self._constants: dict[str, bytes] = {}

    def constant(self, name: str, values: NDArray[np.generic]) -> str:
        """A tensor that is part of the model; its name."""
        self._constants[name] = b"".join(
            (
                *(_number(1, size) for size in values.shape),
                _number(2, _TYPES[values.dtype.name]),
                _text(8, name),
                _bytes(9, values.tobytes()),
            )
        )
        return name

    def node(
        self, operator: str, *inputs: str, domain: str = "", **attributes: int | float | str
    ) -> str:
        """A computation with one output; the output's name."""
        (output,) = self.nodes(operator, *inputs, outputs=1, domain=domain, **attributes)
        return output

    def nodes(
        self,
        operator: str,
        *inputs: str,
        outputs: int,
        domain: str = "",
        **attributes: int | float | str,
    ) -> tuple[str, ...]:
        """A computation with several outputs; their names. An empty input is one left out."""
        name = f"{operator}-{len(self._nodes)}"
        names = tuple(f"{name}-{number}" for number in range(outputs))
        self._nodes.append(
            b"".join(
                (
                    *(_text(1, one) for one in inputs),
                    *(_text(2, one) for one in names),
                    _text(3, name),
                    _text(4, operator),
                    *(_bytes(5, _attribute(key, value)) for key, value in attributes.items()),
                    _text(7, domain),
                )
            )
        )
        return names

    def model(
        self, inputs: Mapping[str, tuple[int, Shape]], outputs: Mapping[str, tuple[int, Shape]]
    ) -> bytes:
        """The whole as the bytes of an ONNX file; inputs and outputs with their types and sizes."""
        graph = b"".join(
            (
                *(_bytes(1, node) for node in self._nodes),
                _text(2, "encoder"),
                *(_bytes(5, tensor) for tensor in self._constants.values()),
                *(_bytes(11, _value(name, *kind)) for name, kind in inputs.items()),
                *(_bytes(12, _value(name, *kind)) for name, kind in outputs.items()),
            )
        )
        return b"".join(
            (
                _number(1, _IR_VERSION),
                _bytes(7, graph),
                _bytes(8, _text(1, "") + _number(2, _OPSET)),
                _bytes(8, _text(1, FUSED) + _number(2, _FUSED_OPSET)),
            )
        )


def _attribute(name: str, value: int | float | str) -> bytes:
    match value:
        case int():
            return _text(1, name) + _number(3, value) + _number(20, 2)
        case float():
            return _text(1, name) + _key(2, 5) + struct.pack("<f", value) + _number(20, 1)
        case str():
            return _text(1, name) + _text(4, value) + _number(20, 3)


def _value(name: str, kind: int, shape: Shape) -> bytes:
    sizes = b"".join(
        _bytes(1, _text(2, size) if isinstance(size, str) else _number(1, size)) for size in shape
    )
    return _text(1, name) + _bytes(2, _bytes(1, _number(1, kind) + _bytes(2, sizes)))


def _text(field: int, text: str) -> bytes:
    return _bytes(field, text.encode())


def _bytes(field: int, content: bytes) -> bytes:
    return _key(field, 2) + _varint(len(content)) + content


def _number(field: int, number: int) -> bytes:
    # Negative numbers are written as their 64-bit complement.
    return _key(field, 0) + _varint(number & (2**64 - 1))


def _key(field: int, wire: int) -> bytes:
    return _varint(field << 3 | wire)


def _varint(number: int) -> bytes:
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)
