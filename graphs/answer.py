"""The answer of a run with what it took, whichever way the run came to its end."""

from __future__ import annotations

from collections.abc import Sequence

from graphs.state import Answer, Outcome, Status
from ledger.spend import ModelCall
from ledger.store import Ledger
from models.deployment import Deployment
from models.frontier import Saving, Tokens, saving


async def answer_of(
    ledger: Ledger,
    run: str,
    *,
    status: Status,
    text: str,
    outcomes: list[Outcome],
    evidence: list[str],
    missing: list[str],
    frontier: Deployment | None = None,
) -> Answer:
    """An answer with the cost of its run, in US dollars, its calls, and the end of its audit.

    Args:
        frontier: What the cost is compared with; None leaves the comparison out.
    """
    calls = await ledger.spend.of_run(run)
    tools = await ledger.calls.of_run(run)
    rows, head = await ledger.audit.reference(run)
    answer = Answer(
        run=run,
        status=status,
        text=text,
        outcomes=outcomes,
        evidence=evidence,
        missing=missing,
        cost=sum(call.cost for call in calls),
        tokens=sum(call.prompt_tokens + call.completion_tokens for call in calls),
        model_calls=len(calls),
        tool_calls=len(tools),
        offline=bool(calls) and all(_is_offline(call) for call in calls),
        audit=f"{rows}:{head}" if rows else "",
    )
    if frontier is not None:
        found = saving_of(calls, frontier)
        answer["saved"], answer["frontier"] = found.saved, found.frontier
    return answer


def saving_of(calls: Sequence[ModelCall], frontier: Deployment) -> Saving:
    """What recorded calls cost beside the same calls on one deployment."""
    return saving(
        frontier,
        (
            Tokens(
                tier=call.tier,
                prompt=call.prompt_tokens,
                completion=call.completion_tokens,
                cache_read=call.cache_read or 0,
                cache_creation=call.cache_creation or 0,
                cost=call.cost,
                length=call.prompt_tokens,
            )
            for call in calls
        ),
    )


def saved_words(answer: Answer) -> str:
    """What tiering saved on this answer, for its cost line; empty where it saved nothing."""
    saved = answer.get("saved", 0.0)
    there = answer["cost"] + saved
    if saved <= 0 or there <= 0:
        return ""
    return f" ({saved / there:.0%} below all on {answer.get('frontier', '')})"


def _is_offline(call: ModelCall) -> bool:
    return call.model.startswith("offline")
