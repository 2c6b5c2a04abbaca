"""The one door to tools: every call of every agent is checked, asked, sent and recorded here.

A call that fails, is denied or refused is a reply with its reason, never an exception; only an
unwritable ledger and whatever `ask` raises pass through.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType

from langchain_core.tools import BaseTool

from ledger.files import Quotas
from ledger.store import Ledger
from runtime.canonical import Json
from runtime.context import RunContext
from runtime.errors import ConfigError, ServerUnavailable
from tools.arguments import validator_of
from tools.calls import Ask, Phase, Report, ToolEvent, ToolReply
from tools.catalogue import ToolEntry, entries
from tools.config import Terms, ToolsConfig
from tools.effects import Effects
from tools.entities import asked
from tools.file_tools import ENTRIES, READ, TERMS
from tools.handle import ToolHandle
from tools.passage import Office, Passage
from tools.policy import Decision, Policy
from tools.resolve import start_of
from tools.run_files import RunFiles
from tools.sessions import Session
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

    def __init__(self, config: ToolsConfig, policy: Policy, ledger: Ledger, quotas: Quotas) -> None:
        self._config = config
        self._office = Office(policy=policy, ledger=ledger, effects=Effects(ledger), quotas=quotas)
        self._sessions: dict[str, Session] = {}
        self._places: dict[str, Place] = {}
        self._catalogue: dict[str, ToolEntry] = {}
        self._learnt: set[str] = set()
        self._misfits: dict[str, str] = {}
        self._take_in(ENTRIES, RunFiles(ledger.files, quotas), TERMS)

    @property
    def catalogue(self) -> Mapping[str, ToolEntry]:
        """Every tool by its one name, as its server first described it; the files' own too."""
        return MappingProxyType(self._catalogue)

    @property
    def unavailable(self) -> Mapping[str, str]:
        """Servers that cannot be used now, each with the reason."""
        gone = {name: held.reason for name, held in self._sessions.items() if held.reason}
        return gone | self._misfits

    def decide(self, context: RunContext, tool: str) -> Decision:
        """What policy would say of a call now, by the context's own label. Leaves no trace."""
        entry = self._catalogue.get(tool)
        if entry is None:
            return Decision(verdict="deny", policies=(), reason=self._no_such(tool))
        return self._office.policy.decide(asked(context, entry, context.label))

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
            LedgerUnavailable: the record cannot be written; then nothing was sent.
            Exception: whatever `ask` raises, untouched.
        """
        passage = Passage(self._office, context, tool, arguments, call=call, ask=ask, report=report)
        if passage.unfit:
            return await passage.turn_away(passage.unfit)
        try:
            place = await self._find(tool)
        except ServerUnavailable as error:
            return await passage.turn_away(str(error))
        if place is None:
            return await passage.turn_away(self._no_such(tool), "denied")
        return await passage.through(place)

    def tools(
        self, context: RunContext, names: Iterable[str], *, ask: Ask, report: Report | None = None
    ) -> list[BaseTool]:
        """Tools to give to an agent; each call of them goes through `call` under this context.

        A tool whose server is not there is given too: calling it tells why. Where one of them may
        hand a long result off to the run's files, `FILES_READ` comes last; an agent needs it only
        once a message has `handed_off` in its artifact.
        """
        given = list(dict.fromkeys(names))
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
        if tool not in self._places and server not in self._learnt | self._misfits.keys():
            session = self._sessions.get(server)
            if session is not None:
                await session.ready()
                self._learn(server)
        return self._places.get(tool)

    def _learn(self, server: str) -> None:
        """Take in the tools of a server that answered; once, so that they cannot change later."""
        session = self._sessions[server]
        if not session.listed or server in self._learnt:
            return
        try:
            found = entries(self._config, server, session.listed)
        except ConfigError as error:
            self._misfits[server] = str(error)
            session.close()
            return
        self._learnt.add(server)
        self._take_in(found, session, self._config.servers[server].switchyard)

    def _take_in(self, found: Iterable[ToolEntry], target: Target, terms: Terms) -> None:
        for entry in found:
            self._catalogue[entry.name] = entry
            self._places[entry.name] = Place(
                entry=entry, target=target, terms=terms, validator=validator_of(entry.schema)
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
        for name, spec in self._config.servers.items():
            try:
                start = start_of(self._config, name, environment)
            except ConfigError as error:
                self._misfits[name] = str(error)
                continue
            session = self._sessions[name] = Session(name, start, spec.switchyard)
            tasks.create_task(session.hold(), name=f"tool server {name}")
        for attempt in [session.want() for session in self._sessions.values()]:
            await attempt.wait()
        for name in self._sessions:
            self._learn(name)

    def _close(self) -> None:
        for session in self._sessions.values():
            session.close()


@asynccontextmanager
async def open_gateway(
    config: ToolsConfig,
    policy: Policy,
    ledger: Ledger,
    *,
    environment: Mapping[str, str],
    quotas: Quotas | None = None,
) -> AsyncIterator[Gateway]:
    """Open every tool server and the gate before them; leaving it ends all of them.

    A server that does not start harms nobody: it stands in `Gateway.unavailable`.

    Args:
        environment: Variables that go before those of this process: for `${…}` in the
            configuration, and, as far as they may pass, for the servers themselves.
        quotas: How much a run may store in its files.
    """
    gateway = Gateway(config, policy, ledger, quotas or Quotas())
    raised: BaseException | None = None
    try:
        async with asyncio.TaskGroup() as tasks:
            try:
                await gateway._open(tasks, environment)
                yield gateway
            finally:
                gateway._close()
    except BaseExceptionGroup as group:
        if len(group.exceptions) > 1:
            raise
        raised = group.exceptions[0]
    if raised is not None:
        # The servers' tasks raise nothing: it came from inside the context, and whoever raised it
        # expects it back as it was.
        raise raised
