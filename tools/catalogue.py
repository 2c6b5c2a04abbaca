"""What the gateway knows of each tool: the name that models and policies use, and its terms.

Entries are made once, when a server first answers, so that a server cannot change them later.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from jsonschema.exceptions import SchemaError
from jsonschema.validators import validator_for

from runtime.canonical import Json, digest
from runtime.errors import ConfigError
from runtime.labels import Label
from tools.config import Action, RunField, Terms, ToolsConfig
from tools.projection import Kind, kinds_of

Deed = Action | Literal["store"]
"""What a call does. `store` writes to the files of its own run, and changes nothing outside of it;
no server in mcp.json can claim it."""

_LONGEST = 64
"""The shortest limit on the length of a tool's name among the vendors' interfaces."""

_UNFIT = re.compile(r"[^A-Za-z0-9_-]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A tool in the words of its server."""

    name: str
    description: str
    schema: Json
    read_only: bool
    action: Action | None = None
    """What it does, where more than `read_only` is known."""
    contained: bool = False
    """What it does stays within its run, so that it may be done again."""
    output: Json = None
    """JSON schema of its structured results; None where it has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolEntry:
    """A tool in the words of the gateway."""

    name: str
    """`<server>_<tool>`, fit for every vendor's interface."""
    server: str
    remote: str
    """The tool's name on its server."""
    description: str
    schema: Json
    """JSON schema of the arguments that a model gives; bound arguments and keys are not in it."""
    action: Deed
    label: Label
    """Label of the data in its results."""
    cleared_for: Label
    """Up to which label the data of a run may be in its arguments."""
    untrusted: bool
    bound: tuple[tuple[str, RunField], ...] = ()
    """Arguments that the gateway takes from the run."""
    key: str = ""
    """The argument that takes the idempotency key; empty for none."""
    contained: bool = False
    """What it does stays within its run: policy decides on it as on any effect, but a call that is
    made again is done again."""
    trusted: frozenset[str] = frozenset()
    """Fields of the results that no stranger writes."""
    identifiers: frozenset[str] = frozenset()
    """Fields that may be chosen as a target, whoever worded them."""
    content: frozenset[str] = frozenset()
    """Arguments that only carry content."""
    output: Json = None
    """JSON schema of its structured results; None where it has none."""
    kinds: Mapping[str, Kind] = field(init=False, compare=False, repr=False)
    """The arguments that policies can look at, each with its type."""
    names: frozenset[str] = field(init=False, compare=False, repr=False)
    """The names in a result that are the tool's own, and no words of strangers."""

    def __post_init__(self) -> None:
        """Type the arguments once; every call of the tool is put to the policies by them."""
        object.__setattr__(self, "kinds", kinds_of(self.schema))
        named = {part for path in self.trusted | self.identifiers for part in path.split(".")}
        object.__setattr__(self, "names", frozenset((*named, *_property_names(self.output))))

    @property
    def effect(self) -> bool:
        """Whether a call changes the world."""
        return self.action not in ("read", "store")

    @property
    def once(self) -> bool:
        """Whether the same call may happen only once."""
        return self.effect and not self.contained

    def trusts(self, path: Sequence[str]) -> bool:
        """Whether no stranger writes to this place of a result."""
        return not self.untrusted or _within(self.trusted, path)

    def identifies(self, path: Sequence[str]) -> bool:
        """Whether what stands at this place may be chosen as a target."""
        return _within(self.identifiers, path)

    @property
    def hidden(self) -> frozenset[str]:
        """Arguments that a model may not give."""
        return frozenset((*(name for name, _ in self.bound), self.key)) - {""}


def entries(config: ToolsConfig, server: str, listed: Sequence[Listed]) -> list[ToolEntry]:
    """The tools of a server under its terms.

    Raises:
        ConfigError: the terms name a tool or an argument that the server does not have, which
            would leave an argument unbound or an effect unnamed; or a schema is none.
    """
    terms = config.servers[server].switchyard
    _check_names(config, server, terms, listed)
    return [_entry(config, server, terms, tool) for tool in listed]


def label_of(config: ToolsConfig, name: str) -> Label | None:
    """Label of the data in a tool's results, also before its server was ever there; None where
    there is no such server."""
    server = name.partition("_")[0]
    if server not in config.servers:
        return None
    terms = config.servers[server].switchyard
    named = {fit_name(server, tool): label for tool, label in terms.labels.items()}
    return named.get(name, terms.label)


def _entry(config: ToolsConfig, server: str, terms: Terms, tool: Listed) -> ToolEntry:
    schema = tool.schema if isinstance(tool.schema, dict) else {}
    try:
        validator_for(schema).check_schema(schema)
    except SchemaError as error:
        raise config.error(
            f"The schema of {tool.name!r} of server {server!r} is none: {error.message}.",
            keys=("mcpServers", server),
            remedy="Update the server, or remove it here.",
        ) from error
    taken = schema.get("properties", {})
    bound = tuple((name, field) for name, field in terms.bind.items() if name in taken)
    key = terms.keys.get(tool.name, "")
    return ToolEntry(
        name=fit_name(server, tool.name),
        server=server,
        remote=tool.name,
        description=tool.description,
        schema=_without(schema, {key, *(name for name, _ in bound)}),
        action=terms.actions.get(tool.name, _own_action(tool)),
        label=terms.labels.get(tool.name, terms.label),
        cleared_for=terms.cleared_for,
        untrusted=terms.untrusted,
        bound=bound,
        key=key,
        contained=tool.contained,
        trusted=frozenset(terms.trusted.get(tool.name, ())),
        identifiers=frozenset(terms.identifiers.get(tool.name, ())),
        content=frozenset(terms.content.get(tool.name, ())),
        output=tool.output,
    )


def _own_action(tool: Listed) -> Action:
    return tool.action or ("read" if tool.read_only else "write")


def _within(fields: frozenset[str], path: Sequence[str]) -> bool:
    """Whether this very place is meant: within a part that a stranger wrote, a field may have the
    name of a trusted one."""
    return "*" in fields or ".".join(path) in fields


def _property_names(schema: Json) -> Iterator[str]:
    """Every name that a JSON schema declares, at any depth."""
    if isinstance(schema, dict):
        properties = schema.get("properties")
        if isinstance(properties, dict):
            yield from properties
        for part in schema.values():
            yield from _property_names(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from _property_names(part)


def _without(schema: Json, hidden: set[str]) -> Json:
    """The schema that a model sees: an object, without the arguments that the gateway sets."""
    seen = {name: part for name, part in schema.get("properties", {}).items() if name not in hidden}
    needed = [name for name in schema.get("required", []) if name not in hidden]
    rest = {name: part for name, part in schema.items() if name not in ("properties", "required")}
    return rest | {"type": "object", "properties": seen} | ({"required": needed} if needed else {})


def fit_name(server: str, tool: str) -> str:
    """The one name of a tool. Where signs must be replaced or cut off, a digest keeps it unique."""
    wanted = f"{server}_{tool}"
    fit = _UNFIT.sub("_", wanted)
    if fit == wanted and len(fit) <= _LONGEST:
        return fit
    return f"{fit[: _LONGEST - 7]}_{digest(wanted)[:6]}"


def _check_names(config: ToolsConfig, server: str, terms: Terms, listed: Sequence[Listed]) -> None:
    tools = {tool.name: set(tool.schema.get("properties", {})) for tool in listed}
    arguments = set().union(*tools.values()) if tools else set()
    for argument in terms.bind:
        if argument not in arguments:
            raise _unknown(config, server, "bind", argument, "argument", arguments)
    for part, named in _by_tool(terms):
        for tool in named:
            if tool not in tools:
                raise _unknown(config, server, part, tool, "tool", set(tools))
    taken = [("keys", tool, argument) for tool, argument in terms.keys.items()]
    taken += [("content", tool, one) for tool, names in terms.content.items() for one in names]
    for part, tool, argument in taken:
        if argument not in tools[tool]:
            raise _unknown(config, server, part, tool, f"argument {argument!r}", tools[tool])


def _by_tool(terms: Terms) -> list[tuple[str, Mapping[str, object]]]:
    """The terms that name tools."""
    return [
        ("actions", terms.actions),
        ("keys", terms.keys),
        ("labels", terms.labels),
        ("trusted", terms.trusted),
        ("identifiers", terms.identifiers),
        ("content", terms.content),
        ("rates", _named(terms.rates)),
        ("rates_per_tenant", _named(terms.rates_per_tenant)),
        ("rates_per_principal", _named(terms.rates_per_principal)),
    ]


def _named(rates: Mapping[str, str]) -> dict[str, str]:
    """Without the rate of all tools together."""
    return {tool: rate for tool, rate in rates.items() if tool != "*"}


def _unknown(
    config: ToolsConfig, server: str, part: str, key: str, what: str, known: set[str]
) -> ConfigError:
    return config.error(
        f"{part}.{key}: server {server!r} has no such {what}.",
        keys=("mcpServers", server, "switchyard", part, key),
        remedy=f"It has: {', '.join(sorted(known)) or 'none'}.",
    )
