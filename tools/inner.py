"""Servers that need no process of their own and whose words are ours: the sandbox.

The gateway holds them to the same terms as any other, and they are reached by the same gate.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from ledger.files import Files, Quotas
from runtime.settings import ROOT
from tools.catalogue import Listed
from tools.config import ToolsConfig
from tools.sandbox import Sandbox
from tools.target import Target


class Inner(Target, Protocol):
    """A server within this process. It has no pins, since its words change with this program."""

    listed: list[Listed]
    """Its tools; none before they are known."""
    reason: str
    """Why it cannot be used; empty while it can."""

    async def learn(self) -> None:
        """Find out the tools, where they are not known yet. A failure becomes the reason."""
        ...

    async def hold(self) -> None:
        """Keep what it needs until `close`. Run it in a task of its own."""
        ...

    def close(self) -> None:
        """Let go of it; `hold` returns."""
        ...


def inner_of(config: ToolsConfig, name: str, files: Files, quotas: Quotas) -> Sandbox | None:
    """The server of an entry, where it is one within this process."""
    spec = config.servers[name]
    if spec.sandbox is None:
        return None
    return Sandbox(
        name,
        spec.sandbox,
        files,
        quotas,
        parallel=spec.switchyard.max_parallel,
        hidden=(ROOT, config.file.resolve().parent, Path.cwd()),
    )
