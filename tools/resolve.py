"""What a server is started with: variables put in, and an environment that holds no secrets.

A child sees the few variables that programs need, `SWITCHYARD_*`, and what its own entry names.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from runtime.errors import ConfigError
from runtime.settings import ROOT
from tools.config import ServerSpec, ToolsConfig, read_tools
from tools.lines import Keys
from tools.rest_auth_terms import secrets_of

_PASSED = re.compile(r"HOME|LANG|LANGUAGE|LC_\w+|LOGNAME|PATH|SHELL|TEMP|TERM|TMP|TMPDIR|TZ|USER")
# These stay behind although they are ours: a server gets a secret only by name, in its `env`.
_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL|LEDGER_URL")
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A server that is started as a child and spoken to over its standard streams."""

    command: str
    args: tuple[str, ...]
    env: dict[str, str]
    """The whole environment of the child."""
    cwd: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A server that is spoken to over streamable HTTP."""

    url: str
    headers: dict[str, str]


Start = Program | Address


def start_of(config: ToolsConfig, name: str, environment: Mapping[str, str]) -> Start:
    """How to reach one server. `environment` goes before the variables of this process.

    Raises:
        ConfigError: a variable is not set, or the address is none.
    """
    spec, keys = config.servers[name], ("mcpServers", name)
    fill = _filled(config, environment)
    known = fill.known
    if spec.command is None:
        return _address(fill, spec, keys)
    secret = {
        one.env
        for server in config.servers.values()
        for wanted in (*server.switchyard.credentials.values(), secrets_of(server.auth))
        for one in wanted.values()
    }
    passed = {key: value for key, value in known.items() if _may_pass(key) and key not in secret}
    return Program(
        command=fill.text(spec.command, (*keys, "command")),
        args=tuple(fill.text(arg, (*keys, "args", at)) for at, arg in enumerate(spec.args)),
        env=passed | fill.texts(spec.env, (*keys, "env")),
        cwd=str(Path(ROOT, fill.text(spec.cwd or ".", (*keys, "cwd")))),
    )


def place_of(config: ToolsConfig, name: str, environment: Mapping[str, str]) -> tuple[str, str]:
    """The document and the address of an API.

    Raises:
        ConfigError: a variable is not set.
    """
    spec, fill, keys = config.servers[name], _filled(config, environment), ("mcpServers", name)
    return (
        fill.text(spec.openapi or "", (*keys, "openapi")),
        fill.text(spec.base_url or "", (*keys, "base_url")),
    )


def check_tools(file: Path, environment: Mapping[str, str]) -> list[ConfigError]:
    """Every mistake of a `mcpServers` file, the variables that are not set included."""
    found = read_tools(file)
    if isinstance(found, list):
        return found
    mistakes: list[ConfigError] = []
    for name in found.servers:
        try:
            if found.servers[name].within:
                place_of(found, name, environment)
            else:
                start_of(found, name, environment)
        except ConfigError as error:
            mistakes.append(error)
    return mistakes


def _filled(config: ToolsConfig, environment: Mapping[str, str]) -> _Fill:
    return _Fill(config, {**os.environ, **environment, "PYTHON": sys.executable})


def _may_pass(variable: str) -> bool:
    ours = variable.startswith("SWITCHYARD_") and not _SECRET.search(variable)
    return ours or _PASSED.fullmatch(variable) is not None


def _address(fill: _Fill, spec: ServerSpec, keys: Keys) -> Address:
    url = fill.text(spec.url or "", (*keys, "url"))
    if not url.startswith(("http://", "https://")):
        # The value is not shown: it comes from a variable and may hold a secret.
        raise fill.config.error(
            f"The address {spec.url!r} is none once its variables are put in.",
            keys=(*keys, "url"),
            remedy="Set the variable to an address that begins with http:// or https://.",
        )
    return Address(url=url, headers=fill.texts(spec.headers, (*keys, "headers")))


@dataclass(frozen=True, slots=True)
class _Fill:
    """Puts variables into texts: `${NAME}` and `${NAME:-value when it is not set}`."""

    config: ToolsConfig
    known: Mapping[str, str]

    def texts(self, values: Mapping[str, str], keys: Keys) -> dict[str, str]:
        return {name: self.text(value, (*keys, name)) for name, value in values.items()}

    def text(self, value: str, keys: Keys) -> str:
        if "${" in _VARIABLE.sub("", value):
            raise self.config.error(
                f"{value!r} has a '${{' that names no variable.",
                keys=keys,
                remedy="Write ${NAME} or ${NAME:-default}.",
            )
        return _VARIABLE.sub(lambda match: self._one(match, keys), value)

    def _one(self, match: re.Match[str], keys: Keys) -> str:
        name, default = match.group(1), match.group(2)
        value = self.known.get(name)
        if default is not None:
            return value or default
        if value is None:
            raise self.config.error(
                f"The environment variable {name} is not set.",
                keys=keys,
                remedy=f"Set {name}, or write ${{{name}:-}} with a default behind the dash.",
            )
        return value
