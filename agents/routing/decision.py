"""The routing decision: every word of why a request went where it went."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Literal

from pydantic import Field

from harness.plan import Frozen

Stage = Literal["rule", "local", "model"]
Kind = Literal["dispatch", "clarify", "decline"]

MOST_CANDIDATES = 20
"""Candidates that a decision keeps."""


class Candidate(Frozen):
    """A specialist that was considered, with its probability in the deciding stage."""

    specialist: str
    intent: str = ""
    """The intent of the specialist that is nearest; empty where none was compared."""
    probability: float = Field(ge=0, le=1)


def listed_together(lists: Iterable[Sequence[Candidate]]) -> tuple[Candidate, ...]:
    """Everybody on any of the lists, the most probable first and each specialist once."""
    ranked = sorted(chain.from_iterable(lists), key=lambda one: -one.probability)
    first = {one.specialist: one for one in reversed(ranked)}
    return tuple(one for one in ranked if first[one.specialist] is one)[:MOST_CANDIDATES]


class Scored(Frozen):
    """What the local stage makes of one text."""

    candidates: tuple[Candidate, ...]
    """Specialists, the most probable first, at most `MOST_CANDIDATES`. Their probabilities are
    calibrated and sum to at most 1."""
    none: float = Field(ge=0, le=1)
    """Probability of none of these."""
    threshold: float
    """What the first candidate must reach to be taken without a model."""
    sure: bool
    """The first candidate reaches it."""
    outside: bool
    """Surely none of these: may be declined without a model."""
    short_list: int = Field(ge=0)
    """How many of the candidates the model stage is shown; grows with the uncertainty."""


class Dispatch(Frozen):
    """One specialist's share of a request. `needs` are ids of dispatches that come first."""

    id: str
    specialist: str
    text: str
    needs: tuple[str, ...] = ()


class Route(Frozen):
    """What happens with a request, decided by which stage, and why."""

    kind: Kind
    stage: Stage
    reason: str
    dispatches: tuple[Dispatch, ...] = ()
    question: str = ""
    """For `clarify`: what the user is asked."""
    candidates: tuple[Candidate, ...] = ()
    threshold: float | None = None
    """What a candidate had to reach to be taken without a model; None for an address."""
    router: str = ""
    """Identity of the local stage that was asked: a digest of examples, encoder and settings."""
    follows: str = ""
    """The run that this request goes on from; empty for a new request."""
    left_out: tuple[str, ...] = ()
    """Parts of the request that nobody takes, and parts that would need what those give."""
    seconds: float = 0.0
    """Time that the decision took."""
    tokens: int = 0
    """Tokens that tier `route` used for it."""


def single(text: str, specialist: str, stage: Stage, reason: str) -> Route:
    """The whole request to one specialist."""
    return Route(
        kind="dispatch",
        stage=stage,
        reason=reason,
        dispatches=(Dispatch(id="d1", specialist=specialist, text=text),),
        candidates=(Candidate(specialist=specialist, probability=1.0),),
    )
