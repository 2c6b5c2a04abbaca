"""Reads `config/routing.yaml`: thresholds, words, and which tenant may use which specialist."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from agents.routing.encoding import Embeddings
from harness.plan import Frozen
from runtime.canonical import Json, digest
from runtime.errors import ConfigError
from runtime.yaml_source import load_config

ANY_TENANT = "*"
"""The terms of every tenant that has none of its own."""


class Tenant(Frozen):
    """Which specialists a tenant may use."""

    allow: frozenset[str] | None = None
    """Nobody else; None for everybody."""
    deny: frozenset[str] = frozenset()
    """Never these, whatever `allow` says."""
    default: str = ""
    """Takes what no other is sure of, in place of the fallback."""

    def permits(self, specialist: str) -> bool:
        """Whether requests of the tenant may reach this specialist."""
        return specialist not in self.deny and (self.allow is None or specialist in self.allow)


class FollowUps(Frozen):
    """The words by which a request shows that it goes on from the one before. All lower case."""

    openings: tuple[str, ...] = ()
    """Beginnings that leave out what is asked: `what about`."""
    repeats: tuple[str, ...] = ()
    """Beginnings that ask for all of the earlier request once more: `same for`."""
    closings: tuple[str, ...] = ()
    """Ends that leave it out as well: `too`."""
    connectives: frozenset[str] = frozenset()
    """First words that only join: `and`. What follows decides."""
    fragments: frozenset[str] = frozenset()
    """First words with which no whole request begins: `for`, `the`."""
    beginnings: frozenset[str] = frozenset()
    """First words of whole requests: verbs and question words."""
    courtesies: frozenset[str] = frozenset()
    """Words that say nothing about what is asked: `thanks`."""
    personal: frozenset[str] = frozenset()
    """Pronouns that stand for persons: `her`."""
    persons: frozenset[str] = frozenset()
    """Nouns that such a pronoun may refer to within the request: `customer`."""
    pointing: frozenset[str] = frozenset()
    """Words that refer back by themselves, but not before a noun: `this`."""
    idle: tuple[str, ...] = ()
    """Phrases whose pronoun refers to nothing: `is it possible`."""
    short: int = Field(default=6, ge=1, le=20)
    """Words that a request without a verb may have to be taken for a fragment."""
    longest: int = Field(default=30, ge=1)
    """Words from which on a request stands alone, whatever is in it."""


class Routing(Frozen):
    """What an operator can set about routing. The file explains each field."""

    promise: float = Field(default=0.98, ge=0.5, lt=1)
    embeddings: Embeddings = "local"
    connectives: tuple[str, ...]
    """Words that join two requests. All lower case, like the other words here."""
    conjunctions: tuple[str, ...] = ()
    """Words that join two requests, or things within one."""
    sequels: frozenset[str] = frozenset()
    """Connectives that say that what follows comes after what stands before."""
    references: frozenset[str]
    aliases: dict[str, str] = Field(default_factory=dict)
    tenants: dict[str, Tenant] = Field(default_factory=dict)
    follow_ups: FollowUps = FollowUps()

    def tenant(self, name: str) -> Tenant:
        """The terms of a tenant: its own, those of `*`, or none at all."""
        return self.tenants.get(name) or self.tenants.get(ANY_TENANT) or Tenant()

    def identity(self) -> str:
        """Equal for settings under which every request is decided alike."""
        return digest(_plain(self.model_dump()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """A name in the file that fits no specialist."""

    path: tuple[str | int, ...]
    reason: str
    remedy: str


def load_routing(file: Path) -> Routing:
    """The routing settings.

    Raises:
        ConfigError: the file is missing or wrong; names line, field and remedy.
    """
    return load_config(file, Routing)


def mistakes(routing: Routing, names: Collection[str]) -> Iterator[Mistake]:
    """What the settings say of specialists that there are not, or may not be used."""
    known = _some(names)
    for alias, name in routing.aliases.items():
        if name not in names:
            told = f"alias {alias!r} stands for {name!r}, which is no specialist"
            yield Mistake(path=("aliases", alias), reason=told, remedy=known)
        elif alias in names and alias != name:
            told = f"alias {alias!r} is the name of another specialist"
            yield Mistake(path=("aliases", alias), reason=told, remedy="Choose another alias.")
    for tenant, terms in routing.tenants.items():
        for field, named in (("allow", terms.allow or ()), ("deny", terms.deny)):
            for name in sorted(set(named) - set(names)):
                told = f"tenant {tenant!r}: {name!r} under {field!r} is no specialist"
                yield Mistake(path=("tenants", tenant, field), reason=told, remedy=known)
        if terms.default and (terms.default not in names or not terms.permits(terms.default)):
            told = f"tenant {tenant!r}: the default {terms.default!r} is not permitted to it"
            remedy = "Name a specialist that the tenant may use."
            yield Mistake(path=("tenants", tenant, "default"), reason=told, remedy=remedy)


def refuse_unknown(routing: Routing, names: Collection[str], file: Path) -> None:
    """Stop at a name that fits no specialist: a misspelt `deny` would forbid nothing.

    Args:
        names: The specialists, those included whose files do not load.

    Raises:
        ConfigError: the first such name.
    """
    for one in mistakes(routing, names):
        field = ".".join(str(part) for part in one.path)
        raise ConfigError(one.reason, file=file, field=field, remedy=one.remedy)


def _plain(value: Json) -> Json:
    """As JSON, with sets in order: their own order differs between processes."""
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, frozenset):
        return sorted(value)
    return [_plain(one) for one in value] if isinstance(value, tuple | list) else value


def _some(names: Collection[str]) -> str:
    shown = sorted(names)[:12]
    more = f" and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
    return f"Specialists are: {', '.join(shown) or 'none'}{more}."
