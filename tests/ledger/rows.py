"""Rows that several tests of the ledger write, with every value that does not matter filled in."""

from __future__ import annotations

from ledger.calls import Verdict
from ledger.store import Ledger
from runtime.context import RunContext
from runtime.labels import Label

RUN = "r1"
CONTEXT = RunContext(run=RUN, tenant="acme", user="ann", specialist="reviewer", task="d1/a")


async def start(ledger: Ledger, run: str = RUN, label: Label = Label.internal) -> str:
    await ledger.runs.start(
        run, thread="t", request="hello", tenant="acme", user="ann", label=label, docs=""
    )
    return run


async def pay(
    ledger: Ledger, id: str, context: RunContext = CONTEXT, cost: float = 0.25, tokens: int = 10
) -> None:
    await ledger.spend.record(
        id,
        context,
        tier="work",
        deployment="offline",
        model="offline",
        prompt_tokens=tokens,
        completion_tokens=tokens // 2,
        cost=cost,
        outcome="ok",
        seconds=0.1,
    )


async def call(
    ledger: Ledger,
    id: str,
    context: RunContext = CONTEXT,
    reason: str = "r",
    decision: Verdict = "allow",
) -> None:
    await ledger.calls.open(
        id,
        context,
        tool="crm_read",
        arguments={"id": 1},
        decision=decision,
        policies=["p1"],
        reason=reason,
    )


async def accept(
    ledger: Ledger, task: str, output: object = None, *, version: int = 1, run: str = RUN
) -> None:
    await ledger.tasks.accept(
        run,
        task,
        inputs="h",
        attempt=1,
        output=output,
        evidence=["c1"],
        reason="fits",
        specialist="reviewer",
        schema_version=version,
    )
