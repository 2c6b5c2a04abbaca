"""Which tools a client of the facade sees, and under which names: what the file offers, less what
policy would deny to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from mcp.types import Tool, ToolAnnotations

from app.facade_config import FacadeFile, Offer
from runtime.context import RunContext
from runtime.labels import Label, highest
from tools.catalogue import ToolEntry, label_of
from tools.config import FILES, ToolsConfig
from tools.gateway import Gateway

META = "switchyard/"
"""How our keys in `_meta` begin."""

_PLAIN = Offer()


@dataclass(frozen=True, slots=True, kw_only=True)
class Offering:
    """The tools of the gateway that the file offers."""

    file: FacadeFile
    gateway: Gateway
    config: ToolsConfig

    def inner(self, name: str) -> str:
        """The gateway's name of the tool that clients call `name`; empty where none is offered."""
        tool = self._meant(name)
        return tool if self.too_sensitive(tool, Label.public) is None else ""

    def too_sensitive(self, tool: str, read: Label) -> Label | None:
        """The label of a tool's results where they may not be told to clients; None where they may.

        Args:
            read: Label of what the session has read. It is in the run's files, and a tool server
                may tell at one call what it was given at another.
        """
        label = highest(self._label(tool), read)
        return None if self.file.cleared_for.permits(label) else label

    def _meant(self, name: str) -> str:
        for tool, offer in self.file.tools.items():
            if offer.name == name:
                return tool
        given = self.file.tools.get(name)
        if given is not None:
            # A tool with another name is known by that one alone.
            return "" if given.name else name
        entry = self.gateway.catalogue.get(name)
        return name if entry is not None and self._reads(entry) else ""

    def allowed(self, context: RunContext, tool: str) -> RunContext:
        """The context of a call of one offered tool: it declares that tool, and no other."""
        offer = self.file.tools.get(tool, _PLAIN)
        one = frozenset({tool})
        return replace(context, tools=one, foreseen=one if offer.foreseen else frozenset())

    def listed(self, context: RunContext, read: Label) -> list[Tool]:
        """What is offered to this caller now. A tool that policy would deny is not.

        Args:
            read: Label of what the session has read.
        """
        found = []
        for name, entry in self._named():
            if self.too_sensitive(entry.name, read) is not None:
                continue
            decision = self.gateway.decide(self.allowed(context, entry.name), entry.name)
            if decision.verdict != "deny":
                found.append(_tool(name, entry, decision.verdict))
        return found

    def _named(self) -> Iterator[tuple[str, ToolEntry]]:
        taken = {offer.name for offer in self.file.tools.values()}
        for entry in self.gateway.catalogue.values():
            offer = self.file.tools.get(entry.name)
            if offer is None and not self._reads(entry):
                continue
            name = offer.name if offer is not None and offer.name else entry.name
            if name == entry.name and name in taken:
                # Another tool was given this name.
                continue
            yield name, entry

    def _label(self, tool: str) -> Label:
        entry = self.gateway.catalogue.get(tool)
        # A server that was never there is started by a call: that is too late to look.
        label = entry.label if entry is not None else label_of(self.config, tool)
        # A tool of no server has no results.
        return label or Label.public

    def _reads(self, entry: ToolEntry) -> bool:
        servers = (*self.file.servers, FILES)
        return entry.action == "read" and ("*" in servers or entry.server in servers)


def seen(gateway: Gateway) -> tuple[Mapping[str, ToolEntry], Mapping[str, str]]:
    """What a list depends on that changes by itself, for comparing."""
    return dict(gateway.catalogue), dict(gateway.quarantined)


def _tool(name: str, entry: ToolEntry, verdict: str) -> Tool:
    reads = not entry.effect
    return Tool(
        name=name,
        description=entry.description,
        inputSchema=entry.schema,
        outputSchema=entry.output,
        annotations=ToolAnnotations(
            readOnlyHint=reads,
            # The same call of a session has its effect once.
            idempotentHint=reads or entry.once,
        ),
        _meta={f"{META}action": entry.action, f"{META}decision": verdict},
    )
