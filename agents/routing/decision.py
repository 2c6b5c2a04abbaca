"""The routing decision: every word of why a request went where it went."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from harness.plan import Frozen

Stage = Literal["rule", "local", "model"]
Kind = Literal["dispatch", "clarify", "decline"]


class Candidate(Frozen):
    """A specialist that was considered, with its probability in the deciding stage."""

    specialist: str
    probability: float = Field(ge=0, le=1)


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


def single(text: str, specialist: str, stage: Stage, reason: str) -> Route:
    """The whole request to one specialist."""
    return Route(
        kind="dispatch",
        stage=stage,
        reason=reason,
        dispatches=(Dispatch(id="d1", specialist=specialist, text=text),),
        candidates=(Candidate(specialist=specialist, probability=1.0),),
    )
