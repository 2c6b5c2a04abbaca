"""all-MiniLM-L6-v2 on 8-bit integers by onnxruntime: sentences to vectors in a millisecond or two.

Texts of one length are computed together without padding. Imports onnxruntime and tokenizers, so
only `open_encoder` loads this module, late.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

# It would tell its makers about this machine as soon as it is loaded; afterwards is too late.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer

from models.encoder.graph import LAST, MIDDLE, WIDTH, Layers
from models.encoder.published import TOKENIZER, WEIGHTS, published
from models.encoder.weights import Weights

NAME = "minilm-l6-int8"
MOST_PIECES = 128
"""Word pieces of a text that are read: about 600 characters. The model was trained on as many."""
_MOST_CHARACTERS = 4_000
"""Characters that are split into pieces; a page of white space is not worth the time."""
_TOGETHER = 512
"""Word pieces that are computed in one go: more need more memory and are no faster."""


class MiniLm:
    """The encoder of installed weights. Holds about 60 MB, onnxruntime and tokenizer included."""

    def __init__(self, folder: Path, *, threads: int, layers: Sequence[int]) -> None:
        self._threads = threads
        chosen = sorted(set(layers))
        self.name = NAME + ("" if chosen == [LAST] else "-layers-" + "-".join(map(str, chosen)))
        self.width = WIDTH * len(chosen)
        with published(folder, TOKENIZER) as file:
            self._tokenizer = Tokenizer.from_str(file.read().decode())
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MOST_PIECES)
        with published(folder, WEIGHTS) as file:
            weights = Weights(file)
            self._words = weights.half("embeddings.word_embeddings.weight")
            self._places = (
                weights.tensor("embeddings.position_embeddings.weight")[:MOST_PIECES]
                + weights.tensor("embeddings.token_type_embeddings.weight")[0]
            )
            self._session = session(Layers(weights).model(chosen))

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row of length one for each text; what stands after `MOST_PIECES` is not read."""
        pieces = [self._pieces(text) for text in texts]
        found = np.empty((len(pieces), self.width), np.float32)
        groups = _groups(pieces)

        def work(group: list[int]) -> None:
            found[group] = self._vectors([pieces[one] for one in group])

        if self._threads > 1 and len(groups) > 1:
            with ThreadPoolExecutor(self._threads) as pool:
                list(pool.map(work, groups))
        else:
            for group in groups:
                work(group)
        return found

    def _pieces(self, text: str) -> list[int]:
        # Half of a surrogate pair is no character, and the tokenizer takes none.
        whole = text[:_MOST_CHARACTERS].encode("utf-8", "replace").decode()
        ids: list[int] = self._tokenizer.encode(whole).ids
        return ids

    def _vectors(self, pieces: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """The vectors of texts with equally many pieces."""
        ids = np.array(pieces)
        x = self._words[ids] + self._places[: ids.shape[1]]
        inputs = {
            "x": x,
            "zeros": np.full((ids.size, 1), MIDDLE, np.uint8),
            "shape": np.array(x.shape, np.int64),
        }
        layers = [_of_length_one(layer) for layer in self._session.run(None, inputs)]
        return np.concatenate(layers, axis=1) / np.float32(len(layers) ** 0.5)


def _groups(pieces: Sequence[Sequence[int]]) -> list[list[int]]:
    """Places of texts with equally many pieces, in groups that are computed together."""
    by_length: dict[int, list[int]] = {}
    for place, one in enumerate(pieces):
        by_length.setdefault(len(one), []).append(place)
    return [
        places[start : start + max(1, _TOGETHER // length)]
        for length, places in sorted(by_length.items(), reverse=True)
        for start in range(0, len(places), max(1, _TOGETHER // length))
    ]


def _of_length_one(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths: NDArray[np.float32] = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / lengths


def session(model: bytes) -> onnxruntime.InferenceSession:
    """Runs a model on one thread for a call; several calls may be under way at once."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # A plan of memory for each shape of input would be kept for good.
    options.enable_mem_pattern = False
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
