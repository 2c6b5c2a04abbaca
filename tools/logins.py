"""The logins of people at tool servers, kept so that the gateway can work without them.

They are as secret as a password: one file in the home of an installation, for its owner alone.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import anyio.to_thread
from pydantic import BaseModel, ConfigDict, ValidationError

from runtime.canonical import Json
from runtime.errors import ConfigError
from tools.kept import locked, replace, turn

FILE = "logins.json"
"""Its name in the home of an installation."""

TURN = 30.0
"""Seconds to wait for others who change the same login; longer than any of them needs."""


class Login(BaseModel):
    """What came of one person's login at one server."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str
    """The server's address; tokens are sent to no other one."""
    token_endpoint: str
    resource: str = ""
    """What the tokens are for, where their server wants to be told."""
    client: Json
    """How we are registered there."""
    access_token: str
    refresh_token: str = ""
    until: float | None = None
    """When the access token ends, in seconds since 1970; None where that was not said."""
    scope: str = ""
    wanted: str = ""
    """What the server asked for since, and the login does not cover."""
    since: float
    by: str
    """Who ran the command."""


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: Literal[1] = 1
    servers: dict[str, Login] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A login while nobody else can change it."""

    login: Login | None
    """As it is kept now."""
    keep: Callable[[Login], Awaitable[None]]
    """Keeps another one in its place."""


class Logins:
    """The logins of an installation in one file, or of one process in memory."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._kept = _File()

    async def of(self, server: str) -> Login | None:
        """The login at a server, as it is now.

        Raises:
            ConfigError: the file cannot be read.
        """
        return (await anyio.to_thread.run_sync(self._read)).servers.get(server)

    @asynccontextmanager
    async def changing(self, server: str, seconds: float) -> AsyncIterator[Turn]:
        """The login at a server, which no other process reads to change it meanwhile.

        Raises:
            ConfigError: the file cannot be read.
            StillTaken: somebody else has been changing it for so many seconds.
        """
        # A turn for each server: one that answers slowly keeps no other from being renewed.
        file = self._file
        lock = file.with_name(f"{file.stem}.{server}.lock") if file is not None else None
        async with turn(lock, seconds) if lock is not None else nullcontext():
            yield Turn(login=await self.of(server), keep=partial(self._replace, server))

    async def keep(self, server: str, login: Login) -> None:
        """Keep a login in place of the one before it, whatever that was.

        Raises:
            ConfigError: the file cannot be read.
            StillTaken: somebody else has been changing it for half a minute.
        """
        async with self.changing(server, TURN) as turn_:
            await turn_.keep(login)

    async def _replace(self, server: str, login: Login) -> None:
        await anyio.to_thread.run_sync(self._keep, server, login)

    def _keep(self, server: str, login: Login) -> None:
        if self._file is None:
            self._kept.servers[server] = login
            return
        with locked(self._file):
            file = self._read()
            file.servers[server] = login
            replace(self._file, file.model_dump_json(indent=1))

    def _read(self) -> _File:
        if self._file is None:
            return self._kept
        try:
            return _File.model_validate_json(self._file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return _File()
        except (OSError, UnicodeDecodeError, ValidationError) as error:
            # What is wrong with it may quote it.
            told = error.strerror if isinstance(error, OSError) else "it is not what was written"
            raise ConfigError(
                f"The logins at tool servers cannot be read: {told}.",
                file=self._file,
                remedy="Remove it and log in again: switchyard tools login SERVER.",
            ) from None
