"""Servers that need no process of their own: the sandbox, and APIs that are called over HTTP.

The gateway holds them to the same terms as any other, and they are reached by the same gate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Protocol

from ledger.files import Files, Quotas
from runtime.settings import ROOT
from tools.catalogue import Listed
from tools.config import ToolsConfig
from tools.openapi import Rest, rest_of
from tools.sandbox import Sandbox
from tools.target import Target


class Inner(Target, Protocol):
    """A server within this process. `Sandbox` and `Rest` are the two kinds."""

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


def inner_of(
    config: ToolsConfig,
    name: str,
    environment: Mapping[str, str],
    files: Files,
    quotas: Quotas,
    mask: Callable[[Iterable[str]], None],
) -> Sandbox | Rest | None:
    """The server of an entry, where it is one within this process. `mask` is told its secrets.

    Raises:
        ConfigError: a variable that its entry names is not set.
    """
    spec = config.servers[name]
    if spec.sandbox is not None:
        return Sandbox(
            name,
            spec.sandbox,
            files,
            quotas,
            parallel=spec.switchyard.max_parallel,
            hidden=(ROOT, config.file.resolve().parent, Path.cwd()),
        )
    if spec.openapi is not None:
        return rest_of(config, name, environment, mask)
    return None
