"""What stands behind the gate, whatever kind it is of: a tool server, or the files of the run.

The gate decides, records and caps in the same way for both; a target only does what it is told.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from runtime.canonical import Json
from runtime.context import RunContext
from tools.catalogue import ToolEntry
from tools.config import Terms
from tools.elicitation import Elicit, Progress
from tools.fit import Fit
from tools.results import Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """On whose behalf a call is made, for a target that keeps things by run."""

    context: RunContext
    call: str
    """The call's id in the audit."""
    progress: Callable[[Progress], None] | None = None
    """Told how far the tool says it is."""
    elicit: Elicit | None = None
    """Puts a question of the server to a person; None where nobody can be asked."""


class Target(Protocol):
    """Does what a tool says. `Session` and `RunFiles` are the two kinds."""

    async def call(self, tool: str, arguments: dict[str, Json], origin: Origin, /) -> Answer:
        """The answer of the tool `tool`, named as the target names it.

        Raises:
            ServerUnavailable: nothing was sent.
            CallRefused: the target answered that it cannot do this.
            CallLost: it was sent, and no usable answer came.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A tool with what stands behind it, and the terms that it is held to."""

    entry: ToolEntry
    target: Target
    terms: Terms
    fit: Fit
    """Of the entry's schema."""
