"""Who sits at this terminal, as the system knows them: for records of who decided."""

from __future__ import annotations

import getpass


def at_this_terminal() -> str:
    """The name of the system's user."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "somebody at the command line"
