"""What each tool was when it was first seen or approved; anything else of its name is withheld.

A server that changes what a tool says of itself after people came to trust it gets no further:
until an operator has read the change, agents neither see nor call the tool.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import anyio.to_thread
from pydantic import BaseModel, ConfigDict, ValidationError

from runtime.errors import ConfigError, UserError
from tools.definition import Definition
from tools.kept import locked, replace

FILE = "pins.json"
"""Its name in the home of an installation."""

Change = Literal["changed", "new", "gone"]


class Pin(BaseModel):
    """A definition that agents may be given."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    definition: Definition
    sha256: str
    since: float
    by: str = ""
    """Who approved it; empty where it was pinned at first sight."""


class Waiting(BaseModel):
    """A definition that nobody approved yet; None when the server lists the tool no more."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    definition: Definition | None
    since: float


class ServerPins(BaseModel):
    """One server: by tool what is pinned, and what waits for an operator."""

    model_config = ConfigDict(extra="forbid")

    pinned: dict[str, Pin] = {}
    waiting: dict[str, Waiting] = {}


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: Literal[1] = 1
    servers: dict[str, ServerPins] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A server's list of tools, held against its pins."""

    pinned: tuple[Definition, ...] = ()
    """In the words that were pinned, whatever the server says now."""
    fresh: tuple[Definition, ...] = ()
    """Tools that came after the pins were made, in words that nobody approved."""
    withheld: dict[str, str]
    """By the tool's name on its server: why it is in quarantine, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """One tool in quarantine, as an operator decides on it."""

    server: str
    tool: str
    change: Change
    before: Definition | None
    now: Definition | None
    since: float

    @property
    def sha256(self) -> str:
        """Of the definition that waits; empty where the tool is gone."""
        return self.now.sha256 if self.now else ""


class Pins:
    """The pins of an installation in one file, or of one process in memory."""

    def __init__(self, file: Path | None = None, clock: Callable[[], float] = time.time) -> None:
        self.file = file
        """None: in memory."""
        self._clock = clock
        self._kept = _File()

    async def hold(self, server: str, found: Sequence[Definition]) -> Held:
        """Hold a list of tools against the pins; the first list of a server is pinned as it is.

        Raises:
            ConfigError: the file cannot be read; then no tool may be trusted.
        """
        return await anyio.to_thread.run_sync(self._hold, server, found)

    def _hold(self, server: str, found: Sequence[Definition]) -> Held:
        now = {one.name: one for one in found}
        with self._open() as file:
            known = file.servers.get(server)
            if known is None:
                first = {name: self._pin(one) for name, one in now.items() if not one.deceptive}
                known = file.servers[server] = ServerPins(pinned=first)
            changes = _changes(known, now)
            known.waiting = {
                name: self._waiting(known, name, now.get(name)) for name in sorted(changes)
            }
        return Held(
            pinned=tuple(pin.definition for pin in known.pinned.values()),
            fresh=tuple(now[name] for name, change in changes.items() if change == "new"),
            withheld={
                name: _told(server, name, change, now.get(name)) for name, change in changes.items()
            },
        )

    def known(self, server: str = "") -> dict[str, ServerPins]:
        """The pins of one server, or of all."""
        with self._open() as file:
            return {name: one for name, one in file.servers.items() if server in ("", name)}

    def reviews(self, server: str = "", tool: str = "") -> list[Review]:
        """What waits for an operator; of one server or tool, or all."""
        return [
            Review(
                server=name,
                tool=waiting,
                change=_change(name_pins, waiting, one.definition),
                before=name_pins.pinned[waiting].definition
                if waiting in name_pins.pinned
                else None,
                now=one.definition,
                since=one.since,
            )
            for name, name_pins in self.known(server).items()
            for waiting, one in name_pins.waiting.items()
            if tool in ("", waiting)
        ]

    def approve(self, reviews: Sequence[Review], by: str) -> None:
        """Pin exactly what was reviewed; a tool that is gone loses its pin.

        Raises:
            UserError: one of them changed again since it was read; then none is pinned.
        """
        with self._open() as file:
            for one in reviews:
                known = file.servers.get(one.server, ServerPins())
                waiting = known.waiting.get(one.tool)
                if waiting is None or waiting.definition != one.now:
                    raise UserError(
                        f"{one.server}_{one.tool} changed again while it was read.",
                        remedy="Look at it once more: switchyard tools approve.",
                    )
            for one in reviews:
                known = file.servers[one.server]
                del known.waiting[one.tool]
                if one.now is None:
                    del known.pinned[one.tool]
                else:
                    known.pinned[one.tool] = self._pin(one.now, by)

    def _pin(self, definition: Definition, by: str = "") -> Pin:
        since = self._clock()
        return Pin(definition=definition, sha256=definition.sha256, since=since, by=by)

    def _waiting(self, known: ServerPins, name: str, now: Definition | None) -> Waiting:
        before = known.waiting.get(name)
        same = before is not None and before.definition == now
        return before if before and same else Waiting(definition=now, since=self._clock())

    @contextmanager
    def _open(self) -> Iterator[_File]:
        """The pins, written back where they changed; one process at a time."""
        if self.file is None:
            yield self._kept
            return
        with locked(self.file):
            file, before = _read(self.file)
            yield file
            after = file.model_dump_json(indent=1)
            if after != before:
                replace(self.file, after)


def _read(path: Path) -> tuple[_File, str]:
    try:
        text = path.read_text(encoding="utf-8")
        return _File.model_validate_json(text), text
    except FileNotFoundError:
        return _File(), ""
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        told = error.strerror if isinstance(error, OSError) else "it is not what was written"
        raise ConfigError(
            f"The pins of the tools cannot be read: {told}.",
            file=path,
            remedy="Restore it. If it is removed, every tool is pinned again as it is now.",
        ) from error


def _changes(known: ServerPins, now: dict[str, Definition]) -> dict[str, Change]:
    names = [*now, *(name for name in known.pinned if name not in now)]
    found = {name: _change(known, name, now.get(name)) for name in names}
    same = {name for name, one in now.items() if _is_pinned(known, name, one)}
    return {name: change for name, change in found.items() if name not in same}


def _is_pinned(known: ServerPins, name: str, now: Definition) -> bool:
    # The definition itself is compared: a digest in a file proves nothing about it.
    return name in known.pinned and known.pinned[name].definition == now


def _change(known: ServerPins, name: str, now: Definition | None) -> Change:
    if now is None:
        return "gone"
    return "changed" if name in known.pinned else "new"


_WHY: dict[Change, str] = {
    "changed": "its server changed what it says of it since it was pinned",
    "new": "its server did not list it when its tools were pinned",
    "gone": "its server lists it no more",
}


def _told(server: str, tool: str, change: Change, now: Definition | None) -> str:
    why = _WHY[change]
    if now is not None and now.deceptive:
        why = "invisible characters stand in its name or its schema"
    return (
        f"{server}_{tool} is in quarantine: {why}. An operator reads the change and"
        f" releases it with: switchyard tools approve {server}_{tool}"
    )
