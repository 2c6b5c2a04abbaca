"""The one door to tools: every call of every agent is checked, asked, sent and recorded here.

A call that fails, is denied or refused is a reply with its reason, never an exception; only an
unwritable ledger and whatever `ask` raises pass through.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType

from langchain_core.tools import BaseTool

from ledger.files import Quotas
from ledger.store import Ledger
from runtime.canonical import Json
from runtime.context import RunContext
from runtime.errors import ConfigError, ServerUnavailable
from tools.calls import Ask, Phase, Report, ToolEvent, ToolReply
from tools.catalogue import ToolEntry, entries, fit_name
from tools.config import Terms, ToolsConfig
from tools.effects import Effects
from tools.entities import asked
from tools.file_tools import ENTRIES, READ, TERMS
from tools.fit import Fit
from tools.handle import ToolHandle
from tools.http import LOGGERS
from tools.inner import Inner, inner_of
from tools.masking import Masking
from tools.office import Office
from tools.origins import Origins
from tools.outer import Outer, outer_of
from tools.passage import Passage
from tools.pins import Held, Pins
from tools.policy import Decision, Policy
from tools.rates import Rates
from tools.recall import Recall
from tools.run_files import RunFiles
from tools.secrets_known import known_secrets
from tools.target import Place, Target

FILES_READ = READ
"""The tool that reads on in a result which was handed off to the run's files."""

__all__ = [
    "FILES_READ",
    "Ask",
    "Gateway",
    "Phase",
    "Quotas",
    "Report",
    "ToolEvent",
    "ToolReply",
    "open_gateway",
]


class Gateway:
    """The tools of all servers and the files of each run, behind one policy and one record."""

    def __init__(
        self,
        config: ToolsConfig,
        policy: Policy,
        ledger: Ledger,
        quotas: Quotas,
        pins: Pins,
        masking: Masking,
    ) -> None:
        self.masking = masking
        """Takes secrets out of what is told of this process."""
        self._config = config
        self._pins = pins
        self._catalogue: dict[str, ToolEntry] = {}
        self._office = Office(
            policy=policy,
            ledger=ledger,
            effects=Effects(ledger),
            quotas=quotas,
            origins=Origins(ledger, self._catalogue),
            rates=Rates(),
            recall=Recall(),
            masking=masking,
        )
        self._sessions: dict[str, Outer] = {}
        self._inner: dict[str, Inner] = {}
        self._places: dict[str, Place] = {}
        self._learnt: dict[str, Held] = {}
        self._misfits: dict[str, str] = {}
        self._take_in(ENTRIES, RunFiles(ledger.files, quotas, masking.in_file), TERMS)

    @property
    def catalogue(self) -> Mapping[str, ToolEntry]:
        """Every tool by its one name, in the words that were pinned; the files' own too."""
        return MappingProxyType(self._catalogue)

    @property
    def unavailable(self) -> Mapping[str, str]:
        """Servers that cannot be used now, each with the reason."""
        gone = {name: held.reason for name, held in self._sessions.items() if held.reason}
        gone |= {name: inner.reason for name, inner in self._inner.items() if inner.reason}
        return {name: self.masking.text(why) for name, why in (gone | self._misfits).items()}

    @property
    def quarantined(self) -> Mapping[str, str]:
        """Tools that are kept from agents until an operator approves them, with the reason."""
        return {
            fit_name(name, tool): reason
            for name, pool in self._sessions.items()
            for tool, reason in pool.withheld.items()
        }

    def _quarantine(self, tool: str) -> str:
        """Why this tool is in quarantine; empty when it is not."""
        server = tool.partition("_")[0]
        pool = self._sessions.get(server)
        for remote, reason in pool.withheld.items() if pool is not None else ():
            if fit_name(server, remote) == tool:
                return reason
        return ""

    def decide(self, context: RunContext, tool: str) -> Decision:
        """What policy would say of a call now, by the context's own label. Leaves no trace."""
        if held := self._quarantine(tool):
            return Decision(verdict="deny", policies=(), reason=held)
        entry = self._catalogue.get(tool)
        if entry is None:
            return Decision(verdict="deny", policies=(), reason=self._no_such(tool))
        return self._office.policy.decide(asked(context, entry, context.label, at=time.time()))

    async def call(
        self,
        context: RunContext,
        tool: str,
        arguments: Mapping[str, Json],
        *,
        call: str,
        ask: Ask,
        report: Report | None = None,
    ) -> ToolReply:
        """Take one call through the gate. `call` is the id that the model gave to it.

        Made again after a crash, with the same context, arguments and `call`, it has the same
        id: a read that was answered returns the recorded result, an effect that was done is not
        repeated, a question that was answered is not put again.

        Raises:
            LedgerUnavailable: the record cannot be read or written. Nothing was sent, unless
                `report` was told `called`: then it may have taken effect.
            Exception: whatever `ask` raises, untouched.
        """
        passage = Passage(self._office, context, tool, arguments, call=call, ask=ask, report=report)
        if passage.unfit:
            return await passage.turn_away(passage.unfit)
        try:
            place = await self._find(tool)
        except ServerUnavailable as error:
            return await passage.turn_away(str(error))
        if held := self._quarantine(tool):
            return await passage.turn_away(f"{held} Go on without it, and say so.", "denied")
        if place is None:
            return await passage.turn_away(self._no_such(tool), "denied")
        return await passage.through(place)

    async def refresh(self) -> None:
        """Take in what operators released and what servers list by now, without calling a tool.

        A server that never answered is asked to start.
        """
        for server, pool in self._sessions.items():
            if server in self._misfits:
                continue
            if server not in self._learnt:
                pool.want()
            elif pool.withheld:
                await pool.recheck()
            self._learn(server)

    def tools(
        self, context: RunContext, names: Iterable[str], *, ask: Ask, report: Report | None = None
    ) -> list[BaseTool]:
        """Tools to give to an agent; each call of them goes through `call` under this context.

        A tool whose server is not there is given too: calling it tells why. One in quarantine is
        not. Where one of them may
        hand a long result off to the run's files, `FILES_READ` comes last; an agent needs it only
        once a message has `handed_off` in its artifact.
        """
        given = [name for name in dict.fromkeys(names) if not self._quarantine(name)]
        if FILES_READ not in given and any(map(self._hands_off, given)):
            given.append(FILES_READ)
        return [self._handle(context, name, ask, report) for name in given]

    def _hands_off(self, tool: str) -> bool:
        place = self._places.get(tool)
        return place is not None and place.terms.preview_chars > 0

    def _handle(
        self, context: RunContext, name: str, ask: Ask, report: Report | None
    ) -> ToolHandle:
        async def enter(arguments: dict[str, Json], call: str) -> ToolReply:
            return await self.call(context, name, arguments, call=call, ask=ask, report=report)

        entry = self._catalogue.get(name)
        if entry is None:
            return ToolHandle(
                name, self._no_such(name), {"type": "object", "properties": {}}, enter
            )
        return ToolHandle(name, entry.description, entry.schema, enter)

    async def _find(self, tool: str) -> Place | None:
        """A tool in its place. Its server gets another chance when it was never there."""
        server = tool.partition("_")[0]
        if server in self._inner and server not in self._misfits:
            await self._learn_inner(server)
        pool = self._sessions.get(server)
        if pool is not None and server not in self._misfits:
            if server not in self._learnt:
                await pool.ready()
            await pool.settled()
            if self._quarantine(tool):
                # An operator may have approved it in another process.
                await pool.recheck()
            self._learn(server)
        return self._places.get(tool)

    def _learn(self, server: str) -> None:
        """Take in the tools of a server that answered, in the words of their pins."""
        pool = self._sessions[server]
        held = pool.held
        if held is None or self._learnt.get(server) is held:
            return
        try:
            listed = [pool.listed(one) for one in (*held.pinned, *held.fresh)]
            found = entries(self._config, server, listed)
        except ConfigError as error:
            self._misfits[server] = str(error)
            pool.close()
            return
        self._learnt[server] = held
        pinned = {one.name for one in held.pinned}
        known = [entry for entry in found if entry.remote in pinned]
        self._take_in(known, pool, self._config.servers[server].switchyard)

    async def _learn_inner(self, server: str) -> None:
        """Take in the tools of a server within this process, once they are known."""
        inner = self._inner[server]
        if any(entry.server == server for entry in self._catalogue.values()):
            return
        await inner.learn()
        try:
            found = entries(self._config, server, inner.listed) if inner.listed else []
        except ConfigError as error:
            self._misfits[server] = str(error)
            return
        self._take_in(found, inner, self._config.servers[server].switchyard)

    def _take_in(self, found: Iterable[ToolEntry], target: Target, terms: Terms) -> None:
        for entry in found:
            self._catalogue[entry.name] = entry
            self._places[entry.name] = Place(
                entry=entry, target=target, terms=terms, fit=Fit(entry.schema)
            )

    def _no_such(self, tool: str) -> str:
        server = tool.partition("_")[0]
        reason = self.unavailable.get(server)
        if reason:
            return f"{tool} is not available: {reason}"
        near = [name for name in sorted(self._catalogue) if name.startswith(f"{server}_")]
        known = near or sorted(self._catalogue)
        return f"There is no tool {tool!r}. There are: {', '.join(known) or 'none'}."

    async def _open(self, tasks: asyncio.TaskGroup, environment: Mapping[str, str]) -> None:
        """Start all servers side by side, and wait until each is there or has failed."""
        for name in self._config.servers:
            try:
                office = self._office
                # In a thread: it looks at folders, and nothing may block the event loop.
                inner = await asyncio.to_thread(
                    inner_of, self._config, name, office.ledger.files, office.quotas
                )
                if inner is not None:
                    self._inner[name] = inner
                    tasks.create_task(inner.hold(), name=f"tool server {name}")
                    continue
                pool = outer_of(self._config, name, environment, self._pins, self.masking.add)
            except ConfigError as error:
                self._misfits[name] = str(error)
                continue
            self._sessions[name] = pool
            tasks.create_task(pool.hold(), name=f"tool server {name}")
        for attempt in [pool.want() for pool in self._sessions.values()]:
            await attempt.wait()
        for name in self._sessions:
            self._learn(name)
        async with asyncio.TaskGroup() as learning:
            for name in self._inner:
                learning.create_task(self._learn_inner(name))

    def _close(self) -> None:
        for pool in self._sessions.values():
            pool.close()
        for inner in self._inner.values():
            inner.close()


@asynccontextmanager
async def open_gateway(
    config: ToolsConfig,
    policy: Policy,
    ledger: Ledger,
    *,
    environment: Mapping[str, str],
    quotas: Quotas | None = None,
    pins: Path | None = None,
) -> AsyncIterator[Gateway]:
    """Open every tool server and the gate before them; leaving it ends all of them.

    A server that does not start harms nobody: it stands in `Gateway.unavailable`.

    Args:
        environment: Variables that go before those of this process: for `${…}` in the
            configuration, and, as far as they may pass, for the servers themselves.
        quotas: How much a run may store in its files.
        pins: The file of what each tool was when it was first seen. Without it that is kept in
            this process alone.
    """
    known = {**os.environ, **environment}
    # In a thread: it reads the files that hold credentials.
    masking = Masking(await asyncio.to_thread(known_secrets, config, known))
    ledger.exchanges.mask_by(masking.where_suspect)
    gateway = Gateway(config, policy, ledger, quotas or Quotas(), Pins(pins), masking)
    # What a server wrote before it died is logged, and libraries log what they send and receive.
    logs, quiet = [logging.getLogger(name) for name in LOGGERS], masking.log_filter()
    for log in logs:
        log.addFilter(quiet)
    raised: BaseException | None = None
    try:
        async with asyncio.TaskGroup() as tasks:
            try:
                await gateway._open(tasks, environment)
                yield gateway
            finally:
                gateway._close()
                for log in logs:
                    log.removeFilter(quiet)
    except BaseExceptionGroup as group:
        if len(group.exceptions) > 1:
            raise
        raised = group.exceptions[0]
    if raised is not None:
        # The servers' tasks raise nothing: it came from inside the context, and whoever raised it
        # expects it back as it was.
        raise raised
