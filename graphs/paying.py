"""A run that pays for what a command asks of models, where nobody sent a request.

It has the ceilings of any other run, and a process by whose end others see that it was cut off.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from agents.limits import LimitsFile
from graphs.holding import open_holding
from ledger.store import Ledger
from runtime.labels import Label


@asynccontextmanager
async def paying_run(
    ledger: Ledger,
    limits: LimitsFile,
    run: str,
    *,
    request: str,
    done: str,
    tenant: str = "local",
    label: Label = Label.internal,
    requests: int = 1,
) -> AsyncIterator[None]:
    """Hold a run with the budget of so many requests; the ceilings of call, day and tenant hold
    from here on. It ends as done, unless somebody ended it, or as failed with an error.

    Args:
        run: Its id, which begins with what it is for, up to the first `-`.
        request: What it is for, in words.
        done: The text of its end.

    Raises:
        LedgerUnavailable: the ledger cannot be written.
    """
    ledger.budgets.standing = limits.standing
    async with open_holding(ledger, run.partition("-")[0]) as holding:
        # Those of earlier commands that were killed: nobody can go on with them.
        await ledger.runs.close_threadless(await holding.gone(), "It was cut off.")
        await ledger.runs.start(
            run,
            thread="",
            request=request,
            tenant=tenant,
            user="local",
            label=label,
            docs="",
            holder=holding.process,
        )
        try:
            tokens = limits.request_tokens
            await ledger.budgets.open(
                run,
                limits.request_dollars * requests,
                None if tokens is None else tokens * requests,
            )
            yield
        except BaseException:
            await ledger.runs.finish(run, "failed", {"text": "It was cut off."})
            raise
        await ledger.runs.finish(run, "done", {"text": done})
