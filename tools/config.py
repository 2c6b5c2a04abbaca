"""Reads `config/mcp.json`: which tool servers there are, and what the gateway holds each to.

The format is the usual `mcpServers` one, with one key of our own, `switchyard`, in each server.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from runtime.canonical import Json
from runtime.errors import ConfigError
from runtime.labels import Label
from tools.credentials import Credential
from tools.lines import Keys, Lines, lines
from tools.rate import Rate
from tools.rest_auth_terms import (
    AnyAuth,
    ApiKey,
    AwsSigV4,
    OAuthClient,
    OAuthUser,
    mistakes_of,
    secrets_of,
)
from tools.sandbox_limits import SandboxLimits

Action = Literal["read", "write", "send", "pay", "execute", "delete"]
"""What a tool does to the world. Everything but `read` is an effect."""

FILES = "files"
"""The name under which the files of a run stand beside the servers; no server may take it."""

RunField = Literal["docs", "tenant", "user", "run", "task"]
"""Fields of the run context that an argument can be bound to."""

_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")


class BreakerTerms(BaseModel):
    """When a server that fails is left alone, and for how long."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    failures: Annotated[int, Field(ge=1, le=1000)] = 5
    """So many in a row open it."""
    seconds: Annotated[float, Field(gt=0, le=3600)] = 30.0
    """Then nothing is sent for so long, and after it one call tries."""


class Terms(BaseModel):
    """The key `switchyard` of a server: what the gateway holds it to. The defaults trust nobody."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: Label = Label.internal
    """Label of the data in its results; a run that read them carries at least this label."""
    cleared_for: Label = Label.public
    """Up to which label the data of a run may go there in arguments."""
    timeout_seconds: Annotated[float, Field(gt=0, le=3600)] = 30.0
    """Deadline of one call."""
    start_seconds: Annotated[float, Field(gt=0, le=600)] = 20.0
    """Deadline of a start, up to the list of tools."""
    max_bytes: Annotated[int, Field(ge=1, le=100_000_000)] = 200_000
    """Largest result that is passed on, in bytes of UTF-8."""
    preview_chars: Annotated[int, Field(ge=0, le=100_000_000)] = 8_000
    """A longer result goes to the run's files, and a model gets its beginning. 0: never."""
    untrusted: bool = True
    """Whether its results may hold text that strangers wrote."""
    bind: dict[str, RunField] = {}
    """Arguments that the gateway sets from the run; a model neither sees nor sets them."""
    actions: dict[str, Action] = {}
    """What a tool does, where the server's own word (`readOnlyHint`) is not enough."""
    keys: dict[str, str] = {}
    """By tool: the argument that takes the idempotency key."""
    max_parallel: Annotated[int, Field(ge=1, le=10_000)] = 32
    """Calls under way at the same time; a further one waits, at most `timeout_seconds`."""
    breaker: BreakerTerms = BreakerTerms()
    """When a server that fails in a row is left alone."""
    rates: dict[str, Rate] = {}
    """By tool: how many calls all together, as `10/minute`. `*`: all tools of the server."""
    rates_per_tenant: dict[str, Rate] = {}
    """The same for each tenant."""
    rates_per_principal: dict[str, Rate] = {}
    """The same for each user of each tenant."""
    pinned: bool = True
    """Whether its tools are held to what they were in earlier processes too; false for programs
    that come with Switchyard, since they change with it."""
    cache_reads: bool = False
    """Whether the same read in the same run returns the recorded result, until an effect."""
    credentials: dict[str, dict[str, Credential]] = {}
    """By tenant (`*`: all others), then by variable, header or key of `auth`: where its secret is
    found."""
    labels: dict[str, Label] = {}
    """By tool: the label of its results, where it is another one than the server's."""
    trusted: dict[str, tuple[str, ...]] = {}
    """By tool of an untrusted server: fields of its results that no stranger writes; `*` for all.
    They may be arguments of an effect without a question."""
    identifiers: dict[str, tuple[str, ...]] = {}
    """By tool: fields that strangers may have worded, and that may still be chosen as a target,
    such as the names of channels; `*` for all."""
    content: dict[str, tuple[str, ...]] = {}
    """By tool: arguments that only carry content. All others are of consequence: they say to whom,
    where, how much."""


class ServerSpec(BaseModel):
    """One entry of `mcpServers`: a program to start (`command`), an address (`url`), an API
    (`openapi`) or the sandbox."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["stdio", "http", "streamable-http", "streamable_http"] | None = None
    command: str | None = None
    args: tuple[str, ...] = ()
    env: dict[str, str] = {}
    cwd: str | None = None
    url: str | None = None
    headers: dict[str, str] = {}
    openapi: str | None = None
    """A file or an address of an OpenAPI document: its operations become tools."""
    base_url: str | None = None
    """Where the API is, if the document does not say so."""
    auth: AnyAuth | None = None
    """How calls to an API or to an address prove who they are."""
    sandbox: SandboxLimits | None = None
    """The sandbox of this process, with its limits."""
    switchyard: Terms = Terms()

    @property
    def within(self) -> bool:
        """Whether it is served within this process."""
        return self.openapi is not None or self.sandbox is not None


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    mcpServers: dict[str, ServerSpec]  # noqa: N815 (the name that every MCP client uses)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolsConfig:
    """The tool servers of one file, by name."""

    file: Path
    servers: dict[str, ServerSpec]
    lines: Lines

    def error(self, message: str, *, keys: Keys, remedy: str) -> ConfigError:
        """A mistake in this file, at the line of the keys."""
        return ConfigError(
            message,
            file=self.file,
            line=self.lines.find(keys),
            field=".".join(str(key) for key in keys),
            remedy=remedy,
        )


def load_tools(file: Path) -> ToolsConfig:
    """Read a `mcpServers` file. Variables in it are put in when a server is opened.

    Raises:
        ConfigError: the first mistake in the file, with its line and remedy.
    """
    found = read_tools(file)
    if isinstance(found, ToolsConfig):
        return found
    raise found[0]


def read_tools(file: Path) -> ToolsConfig | list[ConfigError]:
    """Read a `mcpServers` file: its servers, or every mistake that is in it."""
    try:
        text = file.read_text(encoding="utf-8-sig")
        raw: Json = json.loads(text)
    except OSError as error:
        reason = error.strerror or str(error)
        return [
            _broken(file, 0, f"cannot be read: {reason}.", "Create it, or set SWITCHYARD_CONFIG.")
        ]
    except json.JSONDecodeError as error:
        return [_broken(file, error.lineno, f"is not JSON: {error.msg}.", "Mend it at this line.")]
    except (UnicodeDecodeError, RecursionError) as error:
        return [_broken(file, 0, f"is not JSON: {error}.", "Save it as plain JSON in UTF-8.")]
    where = lines(text)
    blank = ToolsConfig(file=file, servers={}, lines=where)
    mistakes = [
        blank.error(f"The key {keys[-1]!r} stands twice.", keys=keys, remedy="Remove one of them.")
        for keys in where.twice
    ]
    try:
        # Through the text, since strict validation tells tuples and enums only in JSON.
        read = _File.model_validate_json(json.dumps(raw), strict=True)
    except ValidationError as error:
        return mistakes + [_told(blank, raw, details) for details in error.errors()]
    for name, spec in read.mcpServers.items():
        mistakes += _shape(blank, name, spec)
    return mistakes or ToolsConfig(file=file, servers=read.mcpServers, lines=where)


def _broken(file: Path, line: int, message: str, remedy: str) -> ConfigError:
    return ConfigError(f"The file {message}", file=file, line=line, remedy=remedy)


def _shape(config: ToolsConfig, name: str, spec: ServerSpec) -> list[ConfigError]:
    """What types alone cannot say: the name, and the one way to reach the server."""
    keys: Keys = ("mcpServers", name)
    found: list[tuple[Keys, str, str]] = []
    if not _NAME.fullmatch(name):
        told = f"The server name {name!r} does not fit, since it begins the names of its tools."
        found.append((keys, told, "Use lower case letters, digits and dashes, at most 32."))
    if name == FILES:
        told = f"The server name {name!r} is taken by the files of a run."
        found.append((keys, told, "Give the server another name, and its tools with it."))
    if spec.auth is not None:
        found += [((*keys, "auth", key), told, mend) for key, told, mend in mistakes_of(spec.auth)]
    if isinstance(spec.auth, OAuthUser) and (spec.openapi or spec.switchyard.credentials):
        told = "A login is one person's at a tool server: it fits neither an API nor tenants."
        found.append(((*keys, "auth"), told, "Use client credentials (oauth_client)."))
    if spec.within or spec.base_url is not None or (spec.auth is not None and spec.url is None):
        found += _within(keys, spec)
    elif spec.command is None and spec.url is None:
        told = f"Server {name!r} has neither 'command' nor 'url'."
        found.append((keys, told, "Give the program to start, or the address to call."))
    elif spec.command is not None and spec.url is not None:
        told = f"Server {name!r} has both 'command' and 'url'."
        found.append(((*keys, "url"), told, "Keep one of them."))
    elif spec.url is not None:
        found += _address(keys, spec, spec.url)
    elif spec.type not in (None, "stdio"):
        told = f"Server {name!r} has 'command', but its type is {spec.type!r}."
        found.append(((*keys, "type"), told, "Set it to 'stdio', or give 'url' in place of it."))
    found += _credentials((*keys, "switchyard", "credentials"), spec)
    return [config.error(told, keys=at, remedy=remedy) for at, told, remedy in found]


def _within(keys: Keys, spec: ServerSpec) -> list[tuple[Keys, str, str]]:
    """What a server within this process may have beside it, and what belongs to an API alone."""
    found: list[tuple[Keys, str, str]] = []
    ways = [way for way in ("command", "url", "openapi", "sandbox") if getattr(spec, way)]
    if len(ways) > 1:
        told = f"Server {keys[-1]!r} has {' and '.join(map(repr, ways))}."
        found.append(((*keys, ways[-1]), told, "Keep one of them."))
    if spec.openapi is None and spec.auth is not None and spec.url is None:
        told = "'auth' stands without 'openapi' or 'url'."
        found.append(((*keys, "auth"), told, "Name what is called, or remove it."))
    if spec.openapi is None and spec.base_url is not None:
        told = "'base_url' stands without 'openapi'."
        found.append(((*keys, "base_url"), told, "Name the OpenAPI document, or remove it."))
    if spec.sandbox is not None and spec.switchyard.credentials:
        told = "The sandbox takes no 'credentials'."
        found.append(((*keys, "switchyard", "credentials"), told, "Remove them."))
    return found


def _credentials(keys: Keys, spec: ServerSpec) -> list[tuple[Keys, str, str]]:
    """A secret comes from one place; the file itself holds none. With `auth`, it is one of that."""
    found: list[tuple[Keys, str, str]] = []
    known = secrets_of(spec.auth)
    for tenant, wanted in spec.switchyard.credentials.items():
        for name, one in wanted.items():
            if (one.env is None) == (one.file is None):
                told = f"The credential {name!r} of {tenant!r} needs one of 'env' and 'file'."
                mend = "Name the environment variable, or the file that holds the secret."
                found.append(((*keys, tenant, name), told, mend))
            if known and name not in known:
                told = f"The credential {name!r} of {tenant!r} is none of 'auth'."
                found.append(((*keys, tenant, name), told, f"Use one of: {', '.join(known)}."))
    return found


def _address(keys: Keys, spec: ServerSpec, url: str) -> list[tuple[Keys, str, str]]:
    found: list[tuple[Keys, str, str]] = []
    if spec.type == "stdio":
        told = "The type is 'stdio', but there is a 'url'."
        found.append(((*keys, "type"), told, "Set it to 'http', or give 'command'."))
    if not url.startswith(("http://", "https://", "${")):
        told = f"The address {url!r} is not one that a server can be called at."
        found.append(((*keys, "url"), told, "Begin it with http:// or https://."))
    return found


def _told(config: ToolsConfig, raw: Json, details: ErrorDetails) -> ConfigError:
    """A mistake of type or key, in words."""
    keys: Keys = tuple(details["loc"])
    if len(keys) > 4 and keys[2] == "auth":
        # The kind of `auth` stands in the way to a mistake, but is no key of the file.
        keys = (*keys[:3], *keys[4:])
    name = ".".join(str(key) for key in keys) or "the file"
    match details["type"]:
        case "extra_forbidden":
            return config.error(
                f"{name}: there is no such key.",
                keys=keys,
                remedy=f"Remove it. Known here: {', '.join(_known(keys))}.",
            )
        case "missing":
            remedy = f"Add {keys[-1]!r}: an object with one entry for each server."
            return config.error(f"{name}: is missing.", keys=keys, remedy=remedy)
        case _:
            shown = json.dumps(_at(raw, keys))[:80]
            remedy = details["msg"].replace("Input should be", "Write") + "."
            return config.error(f"{name}: {shown} does not fit.", keys=keys, remedy=remedy)


def _known(keys: Keys) -> list[str]:
    if len(keys) > 3 and keys[2] == "sandbox":
        return sorted(SandboxLimits.model_fields)
    if len(keys) == 4 and keys[2] == "auth":
        fields = [set(one.model_fields) for one in (ApiKey, OAuthClient, OAuthUser, AwsSigV4)]
        return sorted(set().union(*fields))
    model: type[BaseModel] = (_File, _File, ServerSpec, Terms)[min(len(keys), 4) - 1]
    if len(keys) > 4:
        model = BreakerTerms if keys[3] == "breaker" else Credential
    return sorted(model.model_fields)


def _at(raw: Json, keys: Keys) -> Json:
    for key in keys:
        raw = raw[key]
    return raw
