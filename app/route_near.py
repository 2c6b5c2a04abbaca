"""Which examples lie near a text, and which of its words bring it there.

For people who write examples: `route --explain`, `check` and proposals show what it finds. It
decides nothing; the local stage of routing does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import TfidfVectorizer

from agents.spec import Specialist
from models.encoder import Encoder

Similarities = NDArray[np.float32]

_SLIGHT = 0.01
"""Share of a similarity below which a word is not worth telling."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """An example utterance, and whose it is."""

    text: str
    specialist: str
    intent: str
    path: tuple[str | int, ...]
    """Where it stands in the front matter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """An example with its similarity to a text: the cosine of their vectors, at most 1."""

    example: Example
    similarity: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A word of a text with its share in the similarity to a specialist's examples."""

    word: str
    weight: float


def examples_of(specialists: Iterable[Specialist]) -> list[Example]:
    """Every example, in the order of the files."""
    return [
        Example(
            text=text,
            specialist=one.name,
            intent=intent.name,
            path=("intents", at, "examples", place),
        )
        for one in specialists
        for at, intent in enumerate(one.intents)
        for place, text in enumerate(intent.examples)
    ]


class Neighbours:
    """The examples as vectors: of the encoder where there is one, of words and characters else."""

    def __init__(self, examples: Sequence[Example], encoder: Encoder | None = None) -> None:
        self.examples = tuple(examples)
        self._encoder = encoder
        texts = [folded(one.text) for one in examples]
        # Without a stop list: "who are you?" has no other words.
        self._words = TfidfVectorizer(sublinear_tf=True, token_pattern=r"(?u)\b\w+\b")
        self._characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5))
        if texts:
            self._words.fit(texts)
            self._characters.fit(texts)
        self._by_word = self._words.transform(texts) if texts else csr_matrix((0, 0))
        self._vectors = self._vectors_of([one.text for one in examples])

    def rows(self, start: int, stop: int) -> Similarities:
        """The similarity of some examples, by their places, to every example."""
        return _product(self._vectors[start:stop], self._vectors)

    def nearest(self, text: str, k: int, specialist: str = "") -> list[Near]:
        """The `k` nearest examples, the nearest first; of one specialist, or of all."""
        if not self.examples:
            return []
        similar = _product(self._vectors, self._vectors_of([text])).ravel()
        order = np.argsort(-similar, kind="stable")
        mine = [at for at in order if specialist in ("", self.examples[at].specialist)]
        return [
            Near(example=self.examples[at], similarity=round(float(similar[at]), 4))
            for at in mine[:k]
        ]

    def words(self, text: str, specialist: str) -> tuple[list[Word], list[Word]]:
        """The words that speak for a specialist, and those that speak more for another one."""
        own, others = self._shares(text, specialist)
        gains = {word: own.get(word, 0.0) - share for word, share in others.items()}
        speak_for = [Word(word=word, weight=share) for word, share in own.items()]
        against = [Word(word=word, weight=-gain) for word, gain in gains.items() if gain < -_SLIGHT]
        return _heaviest(speak_for), _heaviest(against)

    def _shares(self, text: str, specialist: str) -> tuple[dict[str, float], dict[str, float]]:
        """By word: its share in the similarity to the specialist's examples, and to others'."""
        if not self.examples:
            return {}, {}
        asked = self._words.transform([folded(text)])
        mine = np.array([one.specialist == specialist for one in self.examples])
        names = self._words.get_feature_names_out()
        own: dict[str, float] = {}
        others: dict[str, float] = {}
        for column, weight in zip(asked.indices, asked.data, strict=True):
            held = np.asarray(self._by_word[:, column].todense()).ravel() * weight
            word = str(names[column])
            own[word] = round(float(held[mine].max(initial=0.0)), 4)
            others[word] = round(float(held[~mine].max(initial=0.0)), 4)
        return {word: share for word, share in own.items() if share > _SLIGHT}, others

    def _vectors_of(self, texts: Sequence[str]) -> NDArray[np.float32] | csr_matrix:
        if not self.examples:
            return np.zeros((0, 0), dtype=np.float32)
        if self._encoder is not None:
            return self._encoder.encode(texts)
        plain = [folded(text) for text in texts]
        both = hstack([self._words.transform(plain), self._characters.transform(plain)])
        # Both blocks have unit length, so the product of two rows is the mean of two cosines.
        return csr_matrix(both / np.sqrt(2), dtype=np.float32)


def folded(text: str) -> str:
    """Numbers are who or which, never what: customer 42 and customer 7 are one request."""
    return re.sub(r"\d+", "0", text.casefold())


def _product(
    rows: NDArray[np.float32] | csr_matrix, columns: NDArray[np.float32] | csr_matrix
) -> Similarities:
    found = rows @ columns.T
    return np.asarray(found.toarray() if isinstance(found, csr_matrix) else found, dtype=np.float32)


def _heaviest(words: list[Word]) -> list[Word]:
    return sorted(words, key=lambda one: (-one.weight, one.word))[:6]
