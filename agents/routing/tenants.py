"""What a tenant may use: whoever it may not use is no candidate at any stage."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from agents.routing.decision import MOST_CANDIDATES, Candidate, Scored
from agents.routing.local import LocalClassifier
from agents.routing.settings import Routing
from agents.spec import Specialist


def permitted(
    specialists: Mapping[str, Specialist], routing: Routing, tenant: str
) -> dict[str, Specialist]:
    """The specialists that requests of a tenant may reach, by name."""
    terms = routing.tenant(tenant)
    return {name: one for name, one in specialists.items() if terms.permits(name)}


def fallback_of(
    allowed: Mapping[str, Specialist], routing: Routing, tenant: str
) -> Specialist | None:
    """Who takes what no other is sure of: the tenant's default, or else the fallback."""
    chosen = allowed.get(routing.tenant(tenant).default)
    return chosen or next((one for one in allowed.values() if one.fallback), None)


class PermittedOnly:
    """The local classifier as a tenant may see it.

    It knows all specialists, so that a request for one that the tenant may not use is known for
    what it is, and goes to nobody in its place.
    """

    def __init__(self, classifier: LocalClassifier, allowed: Mapping[str, Specialist]) -> None:
        self._classifier = classifier
        self._allowed = allowed
        self.identity = classifier.identity
        owners = {one.specialist for one in classifier.examples}
        self._all = owners <= set(allowed)

    def score(self, text: str) -> Scored:
        """What the examples say of a text, without those that the tenant may not use."""
        return self.score_all([text])[0]

    def score_all(self, texts: Sequence[str]) -> list[Scored]:
        """What the examples say of each text."""
        if self._all:
            return self._classifier.score_all(texts)
        # All of them: those that the tenant may use can stand far down.
        return [self._only(one) for one in self._classifier.score_all(texts, sys.maxsize)]

    def _only(self, scored: Scored) -> Scored:
        kept = tuple(one for one in scored.candidates if self._may(one))[:MOST_CANDIDATES]
        if not scored.candidates:
            return scored
        first = self._may(scored.candidates[0])
        lost = sum(one.probability for one in scored.candidates if not self._may(one))
        return scored.model_copy(
            update={
                "candidates": kept,
                "none": min(1.0, scored.none + lost),
                "sure": scored.sure and first,
                "outside": scored.outside or (scored.sure and not first),
                "short_list": min(scored.short_list, len(kept)),
            }
        )

    def _may(self, one: Candidate) -> bool:
        return one.specialist in self._allowed
