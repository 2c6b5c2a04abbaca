"""What becomes of a request that nobody is for: the fallback takes it, or it is declined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agents.routing.decision import Candidate, Dispatch, Route, Stage
from agents.spec import Specialist

_OFFERED = 5


def otherwise(
    text: str,
    stage: Stage,
    reason: str,
    *,
    fallback: Specialist | None,
    candidates: Sequence[Candidate] = (),
) -> Route:
    """The route of a request that no candidate takes."""
    if fallback is None:
        return Route(kind="decline", stage=stage, reason=reason, candidates=tuple(candidates))
    return Route(
        kind="dispatch",
        stage=stage,
        reason=f"{reason} Nobody else fits, so {fallback.name} answers.",
        dispatches=(Dispatch(id="d1", specialist=fallback.name, text=text),),
        candidates=tuple(candidates),
    )


def declined(
    reason: str, specialists: Mapping[str, Specialist], nearest: Sequence[str] = ()
) -> str:
    """The answer to a declined request: why, and a handful of what can be done here.

    Args:
        specialists: Those that the caller may use.
        nearest: Names, those that come closest first; they are offered first.
    """
    offered = [one for one in specialists.values() if not one.fallback]
    if not offered:
        return f"No specialist takes this request. {reason}".strip()
    rank = {name: place for place, name in enumerate(nearest)}
    offered.sort(key=lambda one: (rank.get(one.name, len(rank)), one.name))
    lines = [f"- **{one.name}**: {one.summary}" for one in offered[:_OFFERED]]
    if rest := len(offered) - len(lines):
        lines.append(f"- and {rest} more (`switchyard specialists` lists them)")
    why = f"No specialist takes this request. {reason}".strip()
    return f"{why}\n\nWhat can be done here:\n" + "\n".join(lines)
