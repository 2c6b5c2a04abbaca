"""Where the values of a call come from: the request, a person, a trusted field, or strangers.

Origins are tracked by flow: once text of strangers was read in a run, whatever its agents write
comes from strangers, however it is encoded, unless the very value stands in a source that no
stranger writes to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Origin = Literal["request", "person", "designated", "trusted", "untrusted"]
"""From the best to the worst. `designated`: a trusted field of a record that the request names;
`trusted`: a trusted field of any record that was read."""

RANKS: dict[Origin, int] = {
    "request": 0,
    "person": 0,
    "designated": 1,
    "trusted": 2,
    "untrusted": 3,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ArgumentOrigin:
    """A consequential argument of a call and where its worst part comes from."""

    name: str
    origin: Origin
    shown: str
    """The part of the value that has this origin, cut for showing."""
    source: str
    """In words: the request, a person, or the call and tool whose result it was taken from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """What is known of a call's origins when it is decided."""

    tainted: bool = False
    """Text of strangers was read in this run before."""
    taint: str = ""
    """The tool and call that brought it in; empty where nothing did."""
    arguments: tuple[ArgumentOrigin, ...] = ()
    """The consequential ones, where it matters."""

    @property
    def rank(self) -> int:
        """The worst rank of a consequential argument; 0 before any text of strangers was read."""
        return max((RANKS[one.origin] for one in self.arguments), default=0) if self.tainted else 0

    @property
    def offending(self) -> tuple[ArgumentOrigin, ...]:
        """Arguments that come from strangers."""
        return tuple(one for one in self.arguments if one.origin == "untrusted")


CLEAN = Provenance()
"""Of a call in a run that has read nothing from strangers."""
