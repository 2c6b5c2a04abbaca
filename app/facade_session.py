"""One client from its first request until it leaves: its run, its calls, and how they end.

A call goes on when its client stops waiting for it: what was sent is recorded to its end.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import anyio
from mcp.server.session import ServerSession
from mcp.types import CallToolResult, LoggingLevel, Tool

from app.facade_clearance import Clearance
from app.facade_config import FacadeFile
from app.facade_offer import Offering
from app.facade_result import UNREAD, failed, result_of, unrecorded, waiting, withheld
from app.facade_run import SessionRun
from app.facade_wait import StillOpen, Waiting
from app.facade_wire import QUIET, Wire
from app.questions import command_for
from graphs.holding import Holding
from ledger.store import Ledger
from runtime.canonical import Json, digest
from runtime.context import RunContext
from runtime.errors import LedgerUnavailable, SwitchyardError
from runtime.labels import Label, highest
from tools.arguments import unfit
from tools.calls import ToolEvent, ToolReply, call_id
from tools.config import ToolsConfig
from tools.gateway import Gateway

TASK = "mcp"
"""The task of a session's calls."""

_QUESTIONS = 50
"""Calls of a session that may wait for a person; one client must not fill the inbox."""
_LAST_CALLS = 10.0
"""Seconds that calls have to end when their session does; then their outcome is unknown."""

_NOT_OFFERED = "config/facade.yaml does not offer it to clients."
_log = logging.getLogger("app.facade")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who is at the other end, as this process knows it, and not as they say."""

    tenant: str
    user: str
    way: str
    """`stdio` or `HTTP`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What all sessions work with."""

    file: FacadeFile
    ledger: Ledger
    gateway: Gateway
    config: ToolsConfig
    holding: Holding
    docs: Path
    home: str = ""
    """The `--home` that was given, for the commands that are suggested."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A call as a client makes it."""

    name: str
    arguments: dict[str, Json]
    key: str = ""
    """What tells an effect from another one with the same arguments; the client's own word."""


class UnknownTool(Exception):
    """No such tool is offered. `call` is the id of the row that tells of it."""

    def __init__(self, name: str, call: str) -> None:
        self.name = name
        self.call = call
        super().__init__(f"Unknown tool: {name[:100]!r}. tools/list tells what there is.")


class Session:
    """A session of the protocol is a run of the ledger."""

    def __init__(self, house: House, caller: Caller) -> None:
        self.level: LoggingLevel = QUIET
        self.listener: ServerSession | None = None
        """Who is told that the list of tools changed: a client that asked for it."""
        self._house = house
        self._offering = Offering(file=house.file, gateway=house.gateway, config=house.config)
        context = RunContext(
            run=str(uuid.uuid4()),
            tenant=caller.tenant,
            user=caller.user,
            label=house.file.label,
            docs=str(house.docs),
            specialist=house.file.specialist,
            task=TASK,
        )
        self._context = context
        self._label = context.label
        """What the client's list of tools was made by."""
        self._clearance = Clearance(ledger=house.ledger, offering=self._offering, run=context.run)
        self._run = SessionRun(house.ledger, house.holding, context, caller.way)
        self._under_way: dict[asyncio.Task[ToolReply], Waiting] = {}
        self._open: dict[str, tuple[str, str]] = {}
        """Calls that wait for a person, by what was asked: the call's own word and its id."""

    async def tools(self) -> list[Tool]:
        """What is offered to this client now."""
        await self._run.begin()
        context = await self._now()
        return self._offering.listed(context, self._clearance.read(context.label))

    async def call(self, wanted: Wanted, wire: Wire) -> CallToolResult:
        """Take a call through the gateway.

        Raises:
            UnknownTool: no such tool is offered.
            SwitchyardError: the record cannot be read or written; nothing was sent. Once something
                was, the result says what is known of it.
        """
        run = self._context.run
        await self._run.begin()
        label = await self._risen()
        if self._run.ended_by:
            told = f"This session was ended by {self._run.ended_by}. Open a new one."
            return failed(told, run)
        tool = self._offering.inner(wanted.name)
        if not tool:
            raise UnknownTool(wanted.name, await self._turned_away(wanted))
        if above := self._clearance.above(tool, label):
            told = f"{above} Nothing was sent."
            return failed(told, run, await self._turned_away(wanted, told), outcome="denied")
        if full := self._full(tool):
            return failed(full, run)
        result = await self._passed(tool, wanted, wire)
        try:
            above = self._clearance.above(tool, await self._risen())
        except LedgerUnavailable as error:
            _log.warning("a result is withheld: %s", error)
            above = UNREAD
        return withheld(result, above) if above else result

    async def _risen(self) -> Label:
        """The label of the run now, by the ledger."""
        label = await self._house.ledger.runs.label(self._context.run)
        if label != self._label:
            # It may have risen above what some tools are cleared for.
            self._label = label
            await self.changed()
        return label

    def _full(self, tool: str) -> str:
        """What keeps a further call from being made now; empty when nothing does."""
        if len(self._under_way) >= self._house.file.parallel:
            told = f"{len(self._under_way)} calls of this session are under way, which is the most"
            return f"{told} (`parallel`). Call again when one of them has ended."
        entry = self._house.gateway.catalogue.get(tool)
        if len(self._open) >= _QUESTIONS and (entry is None or entry.effect):
            return f"{len(self._open)} calls of this session wait for a person. Wait for answers."
        return ""

    async def changed(self) -> None:
        """Tell the client that the list of its tools may be another one."""
        if self.listener is None:
            return
        with anyio.move_on_after(5), suppress(anyio.ClosedResourceError, anyio.BrokenResourceError):
            await self.listener.send_tool_list_changed()

    async def end(self) -> None:
        """Wait for what was sent, for a moment, and finish the run."""
        for waits in self._under_way.values():
            waits.left.set()
        if self._under_way:
            _, late = await asyncio.wait(set(self._under_way), timeout=_LAST_CALLS)
            for work in late:
                work.cancel()
            if late:
                await asyncio.wait(late)
        await self._run.end({call for _, call in self._open.values()})

    async def _now(self) -> RunContext:
        """The context with the label that the run has risen to."""
        label = await self._house.ledger.runs.label(self._context.run)
        return replace(self._context, label=highest(self._context.label, label))

    async def _passed(self, tool: str, wanted: Wanted, wire: Wire) -> CallToolResult:
        context = self._offering.allowed(self._context, tool)
        if wanted.key:
            context = replace(context, task=f"{TASK}/{digest(wanted.key)[:12]}")
        asked = f"{context.task} {tool} {_canonical(wanted.arguments)}"
        # A call that waited for a person goes on where it is made again.
        word, _ = self._open.pop(asked, (uuid.uuid4().hex, ""))
        events: asyncio.Queue[ToolEvent | None] = asyncio.Queue()
        cleared = partial(self._clearance.permits, tool)
        waits = Waiting(self._house.ledger, wire, self._house.file.wait_seconds, cleared)
        work = asyncio.create_task(
            self._house.gateway.call(
                context,
                tool,
                wanted.arguments,
                call=word,
                ask=waits,
                report=events.put_nowait,
            )
        )
        self._under_way[work] = waits
        work.add_done_callback(lambda done: self._ended(done, events))
        call, sent = "", False
        try:
            while (event := await events.get()) is not None:
                call, sent = event.call, sent or event.phase == "called"
                await wire.tell(event, cleared)
            reply = work.result()
        except asyncio.CancelledError:
            waits.left.set()
            raise
        except StillOpen as still:
            self._open[asked] = (word, call)
            question = still.question
            command = command_for(question.id, question.kind, self._house.home)
            return waiting(question, self._context.run, call, wanted.name, command)
        except SwitchyardError as error:
            if not sent:
                raise
            _log.warning("how a call ended is not recorded: %s", error)
            return unrecorded(self._context.run, call, wanted.name)
        entry = self._house.gateway.catalogue.get(tool)
        repeated = not sent and not reply.error and entry is not None and entry.once
        return result_of(reply, self._context.run, entry, repeated=repeated)

    def _ended(
        self, work: asyncio.Task[ToolReply], events: asyncio.Queue[ToolEvent | None]
    ) -> None:
        self._under_way.pop(work, None)
        if not work.cancelled():
            # Also where nobody is there any more to ask for it.
            work.exception()
        events.put_nowait(None)

    async def _turned_away(self, wanted: Wanted, reason: str = _NOT_OFFERED) -> str:
        """Record a call that is not let in. Returns its id."""
        given: Mapping[str, Json] = wanted.arguments
        if unfit(given):
            given = {"unreadable": repr(given)[:200].encode("ascii", "replace").decode()}
        context, name = self._context, wanted.name[:200]
        id = call_id(context, name, given, uuid.uuid4().hex)
        await self._house.ledger.calls.open(
            id,
            context,
            tool=name,
            arguments=self._house.gateway.masking.value(dict(given)),
            decision="deny",
            policies=[],
            reason=reason,
            outcome="denied",
        )
        return id


def _canonical(arguments: Mapping[str, Json]) -> str:
    """What tells arguments apart; unreadable ones never wait for anybody."""
    return uuid.uuid4().hex if unfit(arguments) else digest(dict(arguments))
