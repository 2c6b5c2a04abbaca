"""The rich console of a command: as wide as the terminal, and wide enough in a pipe."""

from __future__ import annotations

from rich.console import Console

_PIPE_WIDTH = 160


def console() -> Console:
    """A console on stdout."""
    found = Console()
    # A pipe has no width; 80 columns would break ids that somebody wants to grep for.
    return found if found.is_terminal else Console(width=_PIPE_WIDTH)
