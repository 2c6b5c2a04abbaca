"""Texts as rows of numbers: what a sentence means beside the very words that it is made of.

Pooled layers of the sentence encoder, turned to their main directions, stand beside the main
directions of TF-IDF over words, word pairs and character n-grams (latent semantic analysis,
Deerwester et al. 1990). Without an encoder the second part stands alone.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

Rows = NDArray[np.float32]

_DENSE, _SPARSE = 256, 128
"""Directions kept. Half as many cost half a point of accuracy on CLINC150, twice as many gain
nothing."""
_ALONE = 384
"""Directions of TF-IDF where it stands alone."""
_SHARE = 0.5
"""Length of the TF-IDF part beside the encoder's part, which has length one."""
_TERMS = 60_000
"""Most frequent terms kept: bounds the memory with a thousand specialists."""
_GRAMS = (3, 4, 5)
_WORD = re.compile(r"\w+")
_NUMBER = re.compile(r"\d+")


class Features:
    """Learned from the examples. Deterministic: the same examples give the same rows."""

    def __init__(self, texts: Sequence[str], vectors: Rows | None) -> None:
        """`vectors` are the encoder's rows of the texts, of length one; None without an encoder.

        Raises:
            ValueError: there is no word in any of the texts.
        """
        kept = min(_SPARSE if vectors is not None else _ALONE, len(texts))
        weighing = TfidfVectorizer(
            analyzer=terms, sublinear_tf=True, max_features=_TERMS, dtype=np.float32
        )
        counted = weighing.fit_transform(texts)
        self._places: dict[str, int] = weighing.vocabulary_
        self._rarity: Rows = weighing.idf_
        found = TruncatedSVD(
            min(kept, *counted.shape), algorithm="randomized", n_iter=4, random_state=0
        ).fit(counted)
        self._directions = np.ascontiguousarray(found.components_.T, np.float32)
        self._middle: Rows | None = None
        if vectors is not None:
            self._middle = vectors.mean(axis=0)
            self._turn = _main_directions(vectors - self._middle, min(_DENSE, len(texts)))

    def rows(self, texts: Sequence[str], vectors: Rows | None) -> Rows:
        """One row for each text. `vectors` as at the beginning: with or without."""
        words = np.array([self._words(text) for text in texts], np.float32)
        if self._middle is None or vectors is None:
            return words
        return np.hstack([(vectors - self._middle) @ self._turn, _SHARE * words])

    def _words(self, text: str) -> Rows:
        """The TF-IDF part of one text, as scikit-learn has it: its own way is made for many texts
        at once, and takes ten times as long for one."""
        counts = Counter(
            place for term in terms(text) if (place := self._places.get(term)) is not None
        )
        if not counts:
            return np.zeros(self._directions.shape[1], np.float32)
        places = np.fromiter(counts, np.intp, len(counts))
        often = np.fromiter(counts.values(), np.float32, len(counts))
        weights = (1 + np.log(often)) * self._rarity[places]
        row: Rows = (weights / np.linalg.norm(weights)) @ self._directions[places]
        return row


def terms(text: str) -> Iterator[str]:
    """Words, pairs of neighbouring words, and the character n-grams of each word.

    Numbers are who or which, never what: customer 42 and customer 7 are one intent.
    """
    words = _WORD.findall(_NUMBER.sub("0", text.casefold()))
    for word in words:
        # A sign before it keeps a word apart from the n-gram of the same letters.
        yield "=" + word
    for first, second in pairwise(words):
        yield f"={first} {second}"
    for word in words:
        padded = f" {word} "
        for size in _GRAMS:
            if len(padded) <= size:
                yield padded
                break
            for start in range(len(padded) - size + 1):
                yield padded[start : start + size]


def _main_directions(rows: Rows, kept: int) -> Rows:
    """Principal components: by the rows where they are few, else by the covariance, whose size does
    not grow with their number."""
    if len(rows) < rows.shape[1]:
        return np.ascontiguousarray(np.linalg.svd(rows, full_matrices=False)[2][:kept].T)
    _, directions = np.linalg.eigh(rows.T @ rows)
    return np.ascontiguousarray(directions[:, ::-1][:, :kept], np.float32)
