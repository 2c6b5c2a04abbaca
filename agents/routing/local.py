"""The second stage: a small classifier, trained in memory from the specialists' own examples.

Cosine similarity of word and character TF-IDF to each example; a specialist's score is that of
its nearest example (Cover and Hart 1967), turned into shares by a softmax.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import TfidfVectorizer

from agents.routing.decision import MOST_CANDIDATES, Candidate, Scored
from agents.spec import Specialist
from models.encoder import Encoder
from runtime.canonical import digest

# Each of the 61 bundled examples left out once: at 0.08, 42 are answered and 37 of them right;
# at 0.05, 48 and 38: what is gained is nearly all wrong.
_TEMPERATURE = 0.08
# Below this similarity nothing is known about a request, however far ahead its nearest example is.
_FLOOR = 0.16


class LocalClassifier:
    """Deterministic: the same specialists and the same text give the same shares."""

    def __init__(
        self,
        specialists: Iterable[Specialist],
        encoder: Encoder | None = None,
        *,
        promise: float = 0.98,
    ) -> None:
        pairs = [
            (example, one.name)
            for one in specialists
            for intent in one.intents
            for example in (*intent.examples, intent.name.replace("-", " "))
        ]
        self._owners = [owner for _, owner in pairs]
        self._names = sorted(set(self._owners))
        self._words = TfidfVectorizer(
            preprocessor=_folded, ngram_range=(1, 2), sublinear_tf=True, stop_words="english"
        )
        self._characters = TfidfVectorizer(
            preprocessor=_folded, analyzer="char_wb", ngram_range=(3, 5)
        )
        self.identity = digest([pairs, encoder.name if encoder else "", promise])[:16]
        texts = [text for text, _ in pairs]
        self._words.fit(texts)
        self._characters.fit(texts)
        self._examples = self._vectors(texts)

    def score(self, text: str) -> Scored:
        """What the examples say of a text."""
        candidates = self.candidates(text)[:MOST_CANDIDATES]
        second = candidates[1].probability if len(candidates) > 1 else 0.0
        none = max(0.0, 1 - sum(one.probability for one in candidates))
        first = candidates[0].probability if candidates else 0.0
        return Scored(
            candidates=candidates,
            none=none,
            threshold=0.55,
            sure=first >= 0.55 and first >= 1.5 * second,
            outside=False,
            short_list=min(5, len(candidates)),
        )

    def score_all(self, texts: Sequence[str]) -> list[Scored]:
        """What the examples say of each text."""
        return [self.score(text) for text in texts]

    def candidates(self, text: str) -> tuple[Candidate, ...]:
        """All specialists with examples, the most probable first.

        The probabilities sum to at most 1; what is missing is the share of `none of these`.
        """
        similarity = (self._examples @ self._vectors([text]).T).toarray().ravel()
        best = np.array(
            [
                max(
                    value
                    for value, owner in zip(similarity, self._owners, strict=True)
                    if owner == name
                )
                for name in self._names
            ]
        )
        logits = np.append(best, _FLOOR) / _TEMPERATURE
        shares = np.exp(logits - logits.max())
        shares /= shares.sum()
        ranked = sorted(zip(self._names, shares[:-1], strict=True), key=lambda pair: -pair[1])
        return tuple(
            Candidate(specialist=name, probability=round(float(share), 4)) for name, share in ranked
        )

    def _vectors(self, texts: list[str]) -> csr_matrix:
        words, characters = self._words.transform(texts), self._characters.transform(texts)
        # Both blocks have unit length, so the product of two rows is the mean of two cosines.
        return csr_matrix(hstack([words, characters]) / np.sqrt(2))


def _folded(text: str) -> str:
    """Numbers are who or which, never what: customer 42 and customer 7 are one intent."""
    return re.sub(r"\d+", "0", text.casefold())
