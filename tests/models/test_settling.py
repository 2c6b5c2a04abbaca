"""A call that was sent is booked, whoever is cancelled and whatever the ledger can do just then."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection

from graphs.holding import open_holding
from ledger.database import Work
from ledger.embedded import Embedded
from ledger.later import Later
from ledger.repository import Statement
from ledger.store import open_ledger
from runtime.errors import LedgerUnavailable
from tests.models.door import CONTEXT, RUN, Room, on, room
from tests.provider.exchange import Exchange, Reply, Usage
from tests.provider.script import Script, When
from tests.provider.server import ScriptedProvider

SAID = Reply(text="Something was said.", usage=Usage(prompt=50, completion=50))
FILE = "ledger.sqlite"


async def ask(opened: Room) -> str:
    return str((await opened.models.chat("work", CONTEXT).ainvoke("hi")).content)


async def state(opened: Room) -> tuple[int, int, int, int]:
    """Rows of calls, reservations that are open, tokens reserved and spent."""
    budget = await opened.ledger.budgets.get(RUN)
    assert budget is not None
    rows, open_ = await opened.calls(), await opened.ledger.budgets.unsettled()
    return len(rows), len(open_), budget.reserved_tokens, budget.spent_tokens


def rename(folder: Path, old: str, new: str) -> None:
    with sqlite3.connect(folder / FILE) as other:
        other.execute(f"ALTER TABLE {old} RENAME TO {new}")
    other.close()


@asynccontextmanager
async def unbookable(folder: Path) -> AsyncIterator[Room]:
    """A room whose ledger loses the table of calls while the first one is being answered."""

    first = iter([True])

    def said(_: Exchange) -> Reply:
        if next(first, False):
            rename(folder, "model_calls", "hidden")
        return SAID

    with ScriptedProvider(Script(When(lambda _: True, said))) as provider:
        async with room(folder, [on(provider, "vendor")]) as opened:
            yield opened


async def test_a_paid_answer_is_handed_on_and_booked_with_the_next_call(tmp_path: Path) -> None:
    async with unbookable(tmp_path) as opened:
        assert await ask(opened) == "Something was said."
        rename(tmp_path, "hidden", "model_calls")
        rows, open_, reserved, spent = await state(opened)
        assert (rows, open_, spent) == (0, 1, 0)
        assert reserved > 500, "its worst case stays set aside until it is booked"
        await ask(opened)
        assert await state(opened) == (2, 0, 0, 200)


async def test_what_could_not_be_booked_is_booked_without_another_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graphs.holding._LOOK", 0.01)
    async with unbookable(tmp_path) as opened:
        await ask(opened)
        rename(tmp_path, "hidden", "model_calls")
        async with open_holding(opened.ledger, "test"), asyncio.timeout(5):
            while await state(opened) != (1, 0, 0, 100):  # noqa: ASYNC110 - a row, no event
                await asyncio.sleep(0.01)


async def test_what_could_not_be_booked_is_booked_before_the_ledger_closes(tmp_path: Path) -> None:
    async with unbookable(tmp_path) as opened:
        await ask(opened)
        rename(tmp_path, "hidden", "model_calls")
    async with open_ledger(f"sqlite+aiosqlite:///{tmp_path / FILE}") as ledger:
        (row,) = await ledger.spend.of_run(RUN)
        assert (row.outcome, row.prompt_tokens + row.completion_tokens) == ("ok", 100)
        assert await ledger.budgets.unsettled() == []


async def test_what_was_written_after_all_is_booked_once(tmp_path: Path) -> None:
    """The connection is lost after the commit, so that the call seems not to be booked."""
    with ScriptedProvider(Script(SAID, SAID)) as provider:
        async with room(tmp_path, [on(provider, "vendor")]) as opened:
            commit, lost = opened.ledger.commit, iter([True])

            async def losing(*statements: Statement) -> None:
                await commit(*statements)
                if next(lost, False):
                    raise LedgerUnavailable("The connection was lost.", remedy="Try again.")

            opened.ledger.later = Later(losing, opened.ledger.spend.has)
            await ask(opened)
            await ask(opened)
            assert await state(opened) == (2, 0, 0, 200)
            assert (await opened.ledger.spend.total(RUN)).calls == 2
            assert not opened.ledger.later._kept


@pytest.mark.parametrize("times", [1, 3])
async def test_a_call_that_is_cancelled_while_it_is_booked_is_booked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    busy, booking = threading.Event(), asyncio.Event()
    run = Embedded.run
    others: list[asyncio.Future[object]] = []

    async def behind_others(self: Embedded, work: Work[object], *, atomic: bool) -> object:
        if atomic and provider.calls:
            # The ledger's one thread has other things to do first, as with many sessions.
            others.append(asyncio.ensure_future(run(self, lambda _: busy.wait(5), atomic=False)))
            await asyncio.sleep(0)
            booking.set()
        return await run(self, work, atomic=atomic)

    with ScriptedProvider(Script(SAID)) as provider:
        async with room(tmp_path, [on(provider, "vendor")]) as opened:
            monkeypatch.setattr(Embedded, "run", behind_others)
            task = asyncio.create_task(ask(opened))
            async with asyncio.timeout(10):
                await booking.wait()
                for _ in range(times):
                    task.cancel()
                    await asyncio.sleep(0)
                busy.set()
                with pytest.raises(asyncio.CancelledError):
                    await task
            assert await state(opened) == (1, 0, 0, 100)
            await asyncio.gather(*others)


async def test_what_is_set_aside_for_a_call_that_is_cancelled_twice_is_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy, begun = threading.Event(), asyncio.Event()
    loop, run = asyncio.get_running_loop(), Embedded.run

    async def slow(self: Embedded, work: Work[object], *, atomic: bool) -> object:
        def working(connection: Connection) -> object:
            if atomic:
                loop.call_soon_threadsafe(begun.set)
                busy.wait(5)
            return work(connection)

        return await run(self, working, atomic=atomic)

    with ScriptedProvider(Script(SAID)) as provider:
        async with room(tmp_path, [on(provider, "vendor")]) as opened:
            monkeypatch.setattr(Embedded, "run", slow)
            task = asyncio.create_task(ask(opened))
            async with asyncio.timeout(10):
                await begun.wait()
                for _ in range(2):
                    task.cancel()
                    for _ in range(3):
                        await asyncio.sleep(0)
                busy.set()
                with pytest.raises(asyncio.CancelledError):
                    await task
            assert await state(opened) == (0, 0, 0, 0)
            assert provider.calls == []
