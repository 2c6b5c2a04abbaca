"""Each effect at most once: its key is claimed in the ledger before the call, settled after it.

A claim that was never settled means that nobody knows the outcome: then only a target that takes
our key is called again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal
from weakref import WeakValueDictionary

from ledger.effects import Effect, EffectState
from ledger.exchanges import Prepared
from ledger.store import Ledger
from runtime.canonical import Json
from runtime.context import RunContext
from tools.catalogue import ToolEntry
from tools.results import Answer, recalled

Claim = Literal["ours", "done", "unknown"]

_OPEN = ("started", "unknown", "failed")


class Effects:
    """The gateway's side of the ledger's effects."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def turn(self, key: str) -> AsyncIterator[None]:
        """One call of a key at a time.

        A model may ask for the same effect twice in one message; both calls then run side by
        side, and the second would take the first one's claim for one that a crash left behind.
        """
        lock = self._turns.get(key)
        if lock is None:
            lock = self._turns[key] = asyncio.Lock()
        async with lock:
            yield

    async def done(self, key: str) -> Effect | None:
        """The effect of a key, if it happened."""
        found = await self._ledger.effects.get(key)
        return found if found is not None and found.state == "done" else None

    async def answer(self, effect: Effect) -> Answer:
        """What the tool said when the effect happened."""
        content = None
        if effect.result is not None:
            content = await self._ledger.exchanges.content(effect.result)
        if content is None:
            return Answer(
                text="It was done before; its result was not kept.", data=None, error=False
            )
        return recalled(content)

    async def claim(
        self, key: str, context: RunContext, entry: ToolEntry, arguments: dict[str, Json]
    ) -> Claim:
        """Claim an effect. `done`: another process made it just now. `unknown`: it may have
        happened, or is under way elsewhere; leave it alone."""
        found = await self._ledger.effects.begin(
            key,
            run=context.run,
            task=context.task,
            tool=entry.name,
            arguments=arguments,
            specialist=context.specialist,
        )
        if found is None:
            return "ours"
        if found.state == "done":
            return "done"
        # Only what is still as it was found: another process may claim or settle it as well.
        if found.state == "failed" or entry.key:
            if await self._ledger.effects.settle(key, "started", None, was=(found.state,)):
                return "ours"
        else:
            await self._ledger.effects.settle(key, "unknown", None, was=("started", "unknown"))
        return "done" if await self.done(key) else "unknown"

    async def settle(
        self,
        key: str,
        state: EffectState,
        result: str | None = None,
        exchange: Prepared | None = None,
    ) -> None:
        """Record how a claimed effect ended, with the exchange that told so. What is done stays
        so, whatever is said later."""
        await self._ledger.effects.settle(key, state, result, was=_OPEN, exchange=exchange)
