"""How a caller names a specialist: `@name` before a request, a link, or a name by itself."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from urllib.parse import parse_qs, urlsplit

from runtime.errors import RequestError

SCHEME = "switchyard"
_ADDRESS = re.compile(r"\A@([A-Za-z][A-Za-z0-9-]*)(?:[:,](?=\s|\Z))?(?=\s|\Z)")
_WITHIN = re.compile(r"(?<!\S)@([A-Za-z][A-Za-z0-9-]*)(?:[:,](?=\s|\Z))?(?=\s|\Z)")
_LINK = re.compile(rf"\A{SCHEME}://\S*", re.IGNORECASE)
_SHORTEST = 2
"""Letters that the beginning of a name must have to stand for it."""
_SHOWN = 12
_MOST_PARTS = 8
"""Addressed parts of one request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressed:
    """A part of a request and whom it is for."""

    specialist: str
    text: str
    how: str
    """In words, for the reason of the decision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The names that a caller may use."""

    specialists: Collection[str]
    aliases: Mapping[str, str]
    tenant: str = ""
    """Set where the tenant may not use all specialists, so that errors can say so."""

    def resolve(self, name: str) -> str:
        """The specialist that a name, an alias, or the beginning of just one name stands for.

        Raises:
            RequestError: none is called so, or several begin so; names the candidates.
        """
        found = self.matching(name)
        if len(found) == 1:
            return found[0]
        if found:
            raise RequestError(
                f"{name!r} could be {_listed(found)}",
                field="specialist",
                value=name,
                remedy=f"Write one of them in full, e.g. @{found[0]}.",
            )
        whose = f" for tenant {self.tenant!r}" if self.tenant else ""
        near = get_close_matches(name.casefold(), self.specialists, n=1)
        hint = f"Did you mean {near[0]!r}? " if near else ""
        raise RequestError(
            f"there is no specialist {name!r}{whose}",
            field="specialist",
            value=name,
            remedy=f"{hint}Address one of: {_listed(sorted(self.specialists))}.",
        )

    def matching(self, name: str) -> list[str]:
        """All specialists that a name may stand for; an exact name or alias goes first."""
        wanted = name.casefold()
        if wanted in self.specialists:
            return [wanted]
        if self.aliases.get(wanted) in self.specialists:
            return [self.aliases[wanted]]
        if len(wanted) < _SHORTEST:
            return []
        return sorted(one for one in self.specialists if one.startswith(wanted))


def addressed(text: str, names: Names) -> tuple[Addressed, ...]:
    """The parts of a request that begins with an address or a link; nothing for any other.

    `@crm-lookup who is customer 3? @notify mail it to her` has two parts. Addresses in a row share
    the words after the last of them. Further in, an `@word` that stands for no specialist is text.

    Raises:
        RequestError: the first address stands for no specialist or for several, or has no words.
    """
    text = text.strip()
    if link := _LINK.match(text):
        return (_linked(link.group(), text[link.end() :], names),)
    if not (first := _ADDRESS.match(text)):
        return ()
    names.resolve(first.group(1))
    marks = [one for one in _WITHIN.finditer(text) if len(names.matching(one.group(1))) == 1]
    ends = [*(one.start() for one in marks[1:]), len(text)]
    parts: list[Addressed] = []
    waiting: list[str] = []
    for mark, end in zip(marks, ends, strict=True):
        waiting.append(mark.group(1))
        words = text[mark.end() : end].strip()
        if words:
            # By the specialist: nobody gets the same words twice.
            found = {
                part.specialist: part for part in (_part(one, words, names) for one in waiting)
            }
            parts += found.values()
            waiting = []
    # Addresses at the end: "who is customer 3? @crm" names nobody anew.
    if waiting and not parts:
        raise _without_words(waiting[0])
    if len(parts) > _MOST_PARTS:
        raise RequestError(
            f"it is addressed to {len(parts)} specialists at once",
            field="messages",
            value=text[:80],
            remedy=f"Address at most {_MOST_PARTS} in one request.",
        )
    return tuple(parts)


def _part(name: str, words: str, names: Names) -> Addressed:
    return Addressed(
        specialist=names.resolve(name), text=words, how=f"the request is addressed to @{name}"
    )


def _linked(link: str, rest: str, names: Names) -> Addressed:
    """`switchyard://crm-lookup?text=Look%20up%20customer%2042`, with or without words after it."""
    try:
        parts = urlsplit(link)
        query = parse_qs(parts.query, strict_parsing=bool(parts.query), keep_blank_values=True)
    except ValueError as error:
        raise _bad_link(link, str(error)) from error
    if unknown := sorted(set(query) - {"text"}):
        raise _bad_link(link, f"{unknown[0]!r} is not a known parameter")
    if parts.path.strip("/"):
        raise _bad_link(link, f"nothing is known under {parts.path!r}")
    name = names.resolve(parts.netloc)
    words = " ".join([*query.get("text", ()), rest.strip()]).strip()
    if not words:
        raise _without_words(name)
    return Addressed(specialist=name, text=words, how="the request is a link to it")


def _bad_link(link: str, why: str) -> RequestError:
    return RequestError(
        f"this link cannot be followed: {why}",
        field="messages",
        value=link[:80],
        remedy=f"Write {SCHEME}://NAME?text=WORDS, with the words percent-encoded.",
    )


def _without_words(name: str) -> RequestError:
    return RequestError(
        f"nothing is asked of {name!r}",
        field="messages",
        value=f"@{name}",
        remedy=f"Write the request behind it: @{name} ...",
    )


def _listed(names: Collection[str]) -> str:
    shown = list(names)[:_SHOWN]
    more = f" and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
    return (", ".join(shown) or "none") + more
