"""Secrets of a tool server by tenant: read at each start, handed to the server alone, veiled.

An agent, the ledger, a trace or an error never gets to see one: whatever a server says goes
through the veil before anybody else has it.
"""

from __future__ import annotations

import base64
import json
import os
import stat
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import anyio.to_thread
from pydantic import BaseModel, ConfigDict

from runtime.canonical import Json

EVERYBODY = "*"
"""In place of a tenant: whoever has no entry of their own."""

_SHORTEST = 6
_LARGEST = 64_000
_VEILED = "[secret]"


class Credential(BaseModel):
    """Where one secret is found: an environment variable, or a file. One of the two is given."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    env: str | None = None
    """Name of a variable of this process; it is passed on to no server but this one."""
    file: str | None = None
    """Path of a file that only its owner may read; from the folder of mcp.json on."""
    prefix: str = ""
    """Put before the secret, for a header: `Bearer `."""


Credentials = Mapping[str, Mapping[str, Credential]]
"""By tenant, then by the variable (of a program) or the header (of an address)."""


class CredentialMissing(Exception):
    """A secret cannot be had. The text names where it should be, never what it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyring:
    """The secrets of one tenant at one server, not yet read."""

    wanted: Mapping[str, Credential]
    environment: Mapping[str, str]
    folder: Path
    mask: Callable[[Iterable[str]], None]
    """Told each secret that was read, before a server gets it."""
    texts: frozenset[str] = frozenset()
    """Those that may be more than one line, as keys in PEM are."""

    async def read(self) -> dict[str, str]:
        """The secrets as they are now, so that a rotated one counts from the next start on.

        Raises:
            CredentialMissing: one of them is not there, or lies open to others.
        """
        if not self.wanted:
            return {}
        bare = await anyio.to_thread.run_sync(self._read)
        self.mask(bare.values())
        return {name: self.wanted[name].prefix + secret for name, secret in bare.items()}

    def _read(self) -> dict[str, str]:
        return {name: self._one(name, one) for name, one in self.wanted.items()}

    def _one(self, name: str, credential: Credential) -> str:
        if credential.env is not None:
            secret = self.environment.get(credential.env, os.environ.get(credential.env, ""))
            place = f"the environment variable {credential.env}"
        else:
            file = self.folder / (credential.file or "")
            secret, place = _of_file(file), f"the file {file}"
        secret = secret.strip()
        if len(secret) < _SHORTEST:
            told = "is not set" if not secret else f"has fewer than {_SHORTEST} characters"
            raise CredentialMissing(f"The credential {name!r} {told}: see {place}.")
        if name in self.texts:
            # A variable often holds a key in one line.
            return secret.replace("\\n", "\n") + "\n"
        if not secret.isprintable():
            raise CredentialMissing(f"The credential {name!r} is more than one line: see {place}.")
        return secret


def _of_file(file: Path) -> str:
    try:
        # Opened first and asked of the open file, so that nobody swaps it in between.
        with file.open("rb") as opened:
            found = os.fstat(opened.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise CredentialMissing(f"The secret file {file} is no file.")
            if found.st_mode & 0o077:
                mode = f"{stat.S_IMODE(found.st_mode):04o}"
                raise CredentialMissing(
                    f"The secret file {file} has mode {mode}, so that others may read or write it."
                    f" Set it with: chmod 600 {file}"
                )
            if found.st_uid not in (os.getuid(), 0):
                raise CredentialMissing(f"The secret file {file} belongs to another user.")
            return opened.read(_LARGEST).decode()
    except OSError as error:
        raise CredentialMissing(
            f"The secret file {file} cannot be read: {error.strerror or error}."
        ) from error
    except UnicodeDecodeError as error:
        raise CredentialMissing(f"The secret file {file} is no text.") from error


class Veil:
    """Takes secrets out of whatever their server says, also where it wrote them in another way."""

    def __init__(self, secrets: Mapping[str, str], wanted: Mapping[str, Credential]) -> None:
        self._forms: list[str] = []
        self.cover(secrets, wanted)

    def cover(
        self,
        secrets: Mapping[str, str],
        wanted: Mapping[str, Credential],
        got: Iterable[str] = (),
    ) -> None:
        """Hide these from now on, and what was got for them; nothing else any more."""
        bare = {value.removeprefix(wanted[name].prefix) for name, value in secrets.items()}
        found = {form for value in (*bare, *got) for form in _forms(value)}
        # The longest first, since one form may be a part of another.
        self._forms = sorted(found, key=len, reverse=True)

    def __bool__(self) -> bool:
        return bool(self._forms)

    def text(self, text: str) -> str:
        """The text without secrets."""
        for form in self._forms:
            text = text.replace(form, _VEILED)
        return text

    def value(self, value: Json) -> Json:
        """A JSON value without secrets in any of its texts and names."""
        match value:
            case str():
                return self.text(value)
            case list():
                return [self.value(one) for one in value]
            case dict():
                return {self.text(name): self.value(one) for name, one in value.items()}
            case _:
                return value


OPEN = Veil({}, {})
"""Hides nothing."""


def _forms(secret: str) -> set[str]:
    coded = secret.encode()
    return {
        secret,
        json.dumps(secret)[1:-1],
        quote(secret, safe=""),
        base64.b64encode(coded).decode().rstrip("="),
        base64.urlsafe_b64encode(coded).decode().rstrip("="),
        coded.hex(),
    }
