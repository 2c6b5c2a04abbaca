"""How `switchyard` ends: the codes that scripts and CI read.

They stand in one place because `--help`, the answer's status and the error edge must agree.
"""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """The exit code of a command. 130 is the shell's own code for an interrupt."""

    done = 0
    failed = 1
    rejected = 2
    waits = 3
    incomplete = 4
    declined = 5
    cancelled = 6
    interrupted = 130


HELP = """\
\b
Exit codes:
  0    done
  1    failed, or `check` found a problem
  2    the request or a configuration file is wrong; nothing was done
  3    paused: a person is asked, see `switchyard approvals`
  4    incomplete: the answer says what is missing
  5    declined: nobody here does this
  6    cancelled: somebody ended the run
  130  interrupted
"""
"""For the help of commands that run something."""

_BY_STATUS = {
    "done": Exit.done,
    "failed": Exit.failed,
    "rejected": Exit.rejected,
    "incomplete": Exit.incomplete,
    "declined": Exit.declined,
    "paused": Exit.waits,
    "cancelled": Exit.cancelled,
}


def of_status(status: str) -> Exit:
    """The code for the status of an answer; `failed` for one that is not known."""
    return _BY_STATUS.get(status, Exit.failed)
