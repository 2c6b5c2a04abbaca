"""The answer of a run with what it took, whichever way the run came to its end."""

from __future__ import annotations

from graphs.state import Answer, Outcome, Status
from ledger.spend import ModelCall
from ledger.store import Ledger


async def answer_of(
    ledger: Ledger,
    run: str,
    *,
    status: Status,
    text: str,
    outcomes: list[Outcome],
    evidence: list[str],
    missing: list[str],
) -> Answer:
    """An answer with the cost of its run, in US dollars, its calls, and the end of its audit."""
    calls = await ledger.spend.of_run(run)
    tools = await ledger.calls.of_run(run)
    rows, head = await ledger.audit.reference(run)
    return Answer(
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


def _is_offline(call: ModelCall) -> bool:
    return call.model.startswith("offline")
