"""Reads `config/facade.yaml`: which tools MCP clients are offered, as whom they act, and how far.

Nothing in it can be chosen by a client; without the file, what reads is offered and nothing else.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from runtime.errors import ConfigError
from runtime.labels import Label
from runtime.yaml_source import complaints, load_config, load_yaml
from tools.catalogue import label_of
from tools.config import ToolsConfig

FILE = "facade.yaml"
"""Its name in the folder of configuration."""

Word = Annotated[str, Field(min_length=1, max_length=128)]


class Offer(BaseModel):
    """A tool that is offered by its name, whatever it does."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(default="", alias="as", pattern=r"^[A-Za-z0-9_-]{0,64}$")
    """The name that clients see, where it is another one."""
    foreseen: bool = False
    """Whether policies see a call as foreseen. Otherwise the base policy asks a person for each
    effect."""


class FacadeFile(BaseModel):
    """What `switchyard mcp` offers, and as whom its clients act."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    """Version of the form of this file."""
    specialist: Word = "facade"
    """The principal in policies."""
    tenant: Word = "local"
    """On whose behalf."""
    user: Word = "local"
    """Who calls over stdio, and over HTTP without keys; otherwise it is the name of the key."""
    tenants: dict[str, Word] = {}
    """By the name of a key: its tenant, where that is another one."""
    label: Label = Label.internal
    """How sensitive what clients send is; the label of a session only rises."""
    cleared_for: Label = Label.internal
    """Up to which label clients may be told results. Tools that return more are not offered."""
    servers: tuple[str, ...] = ("*",)
    """Servers whose reading tools are offered; `*` for all."""
    tools: dict[str, Offer] = {}
    """Further tools by name, and other names for tools."""
    wait_seconds: float = Field(default=45, ge=0, le=3600)
    """How long a call waits for a person."""
    parallel: int = Field(default=8, ge=1, le=256)
    """Calls of one session under way at the same time."""
    sessions: int = Field(default=100, ge=1, le=10_000)
    """Sessions over HTTP at the same time."""
    idle_minutes: float = Field(default=30, gt=0, le=1440)
    """A session over HTTP without any request for so long is ended."""
    message_bytes: int = Field(default=2_000_000, ge=10_000, le=100_000_000)
    """Largest message of a client."""
    hosts: tuple[str, ...] = ()
    """Names besides those of this machine by which clients may reach the server over HTTP."""
    origins: tuple[str, ...] = ()
    """Web pages besides those of this machine that may call it."""

    @model_validator(mode="after")
    def _each_name_once(self) -> Self:
        names = [offer.name or tool for tool, offer in self.tools.items()]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"the name {twice[0]!r} is given to two tools")
        return self

    def tenant_of(self, key: str) -> str:
        """The tenant that the holder of a key acts for."""
        return self.tenants.get(key, self.tenant)


def load_facade(config: Path) -> FacadeFile:
    """What the file in the folder `config` says; the defaults where there is none.

    Raises:
        ConfigError: the file is wrong; names line, field and remedy.
    """
    file = config / FILE
    return load_config(file, FacadeFile) if file.exists() else FacadeFile()


def problems_of_facade(
    file: Path, config: ToolsConfig, tools: Collection[str]
) -> list[ConfigError]:
    """Everything that is wrong with the file `file`, each with its line; nothing where it is not.

    Args:
        config: The tool servers.
        tools: All that are known; none where no server was asked.
    """
    if not file.exists():
        return []
    try:
        source = load_yaml(file.read_text(encoding="utf-8"), file)
        read = FacadeFile.model_validate(source.data)
    except OSError as error:
        return [ConfigError(f"cannot be read: {error}", file=file, remedy="Restore the file.")]
    except ConfigError as error:
        return [error]
    except ValidationError as error:
        return complaints(error, source, file)
    found = []
    for name in read.servers:
        if name not in ("*", *config.servers):
            known = ", ".join(config.servers)
            told, remedy = f"there is no tool server {name!r}", f"Known: {known}."
            line = source.line(("servers", read.servers.index(name)))
            found.append(ConfigError(told, file=file, line=line, field="servers", remedy=remedy))
    for name in read.tools:
        if tools and name not in tools:
            told, remedy = f"there is no tool {name!r}", "`switchyard tools` lists them."
            line = source.line(("tools", name))
            found.append(ConfigError(told, file=file, line=line, field="tools", remedy=remedy))
            continue
        label = label_of(config, name)
        if label is not None and not read.cleared_for.permits(label):
            told = f"the results of {name!r} are {label}: it is not offered to clients"
            remedy = f"Remove it, or set 'cleared_for' to {label}; it is {read.cleared_for} now."
            line = source.line(("tools", name))
            found.append(ConfigError(told, file=file, line=line, field="tools", remedy=remedy))
    return found
