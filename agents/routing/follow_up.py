"""Whether a request goes on from the one before it, by how it is put: without any model.

A request shows it by a beginning or an end that leaves out what is asked ("what about order 7?"),
by a pronoun that nothing before it explains ("mail it to her"), or by being no sentence ("7").
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from agents.routing.settings import FollowUps

Mark = Literal["", "repeats", "elliptic", "refers", "fragment", "named"]
_TOKEN = re.compile(r"[^\s,;:!?()\"“”]+")
_NOUN_PHRASE = frozenset(["the", "a", "an", "our", "my", "your", "every", "all", "any", "each"])
_STANDS_ALONE_BEFORE = """
to for in with is was are were by from on and as at up again too now please into via of
"""
_AFTER_POINTING = frozenset(_STANDS_ALONE_BEFORE.split())
"""Words before which "this" stands alone; before any other it belongs to a noun."""
_EXPLAINS = 3
"""Words with a meaning of their own after which a pronoun is taken to refer to them."""
_MOST_SAID = 2
_QUESTION = re.compile(r"\A(?:why|when|where|who|how|which|what)\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How a request is put."""

    mark: Mark
    """What shows that it goes on from the one before; empty when nothing does. A request that is
    `named` does so only where its examples decide nothing, a `fragment` unless they decide for
    somebody new."""
    plain: str
    """The request without the words that only join it to what came before."""
    whole: bool
    """It begins as whole requests do, so it may name something new to do."""
    back: bool = False
    """It says itself that it is about what came before: "which of them ..."."""
    why: str = ""


def form_of(text: str, words: FollowUps, references: Collection[str]) -> Form:
    """The form of a request. The same text and words give the same form."""
    tokens = [one.strip(".'’") for one in _TOKEN.findall(text)]
    tokens = [one for one in tokens if one]
    if not words.connectives or not tokens or len(tokens) > words.longest:
        return Form(mark="", plain=text, whole=True)
    start = _first(tokens, words.courtesies)
    joined = _first(tokens[start:], words.connectives)
    rest = tokens[start + joined :]
    if not rest:
        return Form(mark="", plain=text, whole=False)
    plain = " ".join(rest)
    said = [one.casefold().replace("’", "'") for one in tokens[start:]]
    whole = rest[0].casefold().replace("’", "'") in words.beginnings
    kinds: tuple[tuple[Mark, tuple[str, ...]], ...] = (
        ("repeats", words.repeats),
        ("elliptic", words.openings),
    )
    for mark, phrases in kinds:
        for lower in (said, said[joined:]):
            if phrase := _begins(lower, phrases):
                why = f"it begins with {phrase!r}"
                back = not set(phrase.split()).isdisjoint(references)
                return Form(mark=mark, plain=plain, whole=False, back=back, why=why)
    return _by_rest(rest, bool(joined), whole, words, references)


def _by_rest(
    rest: Sequence[str],
    joined: bool,
    whole: bool,
    words: FollowUps,
    references: Collection[str],
) -> Form:
    plain = " ".join(rest)
    lower = [one.casefold() for one in rest]
    if not whole and (joined or lower[-1] in words.closings) and len(rest) <= words.short:
        return Form(mark="elliptic", plain=plain, whole=False, why="it leaves out what is asked")
    if len(rest) <= _MOST_SAID and _QUESTION.match(lower[0]):
        return Form(mark="elliptic", plain=plain, whole=False, why="it only asks back")
    if pronoun := _bare(rest, words, references):
        why = f"nothing in it explains {pronoun!r}"
        return Form(mark="refers", plain=plain, whole=whole, why=why)
    if not whole and joined and lower[0] in words.fragments:
        return Form(mark="elliptic", plain=plain, whole=False, why="it leaves out what is asked")
    if not whole and len(rest) <= words.short:
        if lower[0] in words.fragments:
            return Form(mark="fragment", plain=plain, whole=False, why="it is no whole request")
        if any(_is_name(one) for one in rest):
            return Form(mark="named", plain=plain, whole=False, why="it only names something")
    return Form(mark="", plain=plain, whole=whole)


def _bare(tokens: Sequence[str], words: FollowUps, references: Collection[str]) -> str:
    """The first pronoun that no word before it explains; empty if there is none."""
    lower = [one.casefold() for one in tokens]
    idle = {word for one in words.idle if one in " ".join(lower) for word in one.split()}
    for place, word in enumerate(lower):
        if word in idle or (word not in references and word not in words.personal):
            continue
        if word in words.pointing and not _stands_alone(lower, place):
            continue
        if not _explained(tokens[:place], word, words):
            return word
    return ""


def _stands_alone(lower: Sequence[str], place: int) -> bool:
    """Whether "this" or "the result" is all that is named, or belongs to a noun that follows."""
    follows = lower[place + 1] if place + 1 < len(lower) else ""
    if lower[place] in ("result", "results", "answer"):
        before = lower[place - 1] if place else ""
        return before in ("the", "this", "that", "these", "those") and follows != "of"
    return not follows or follows in _AFTER_POINTING


def _explained(before: Sequence[str], pronoun: str, words: FollowUps) -> bool:
    """Whether the words before a pronoun hold something that it can stand for."""
    if any(_is_name(one) for one in before[1:]):
        return True
    lower = [one.casefold() for one in before]
    if pronoun in words.personal:
        return not words.persons.isdisjoint(lower)
    if any(one in _NOUN_PHRASE for one in lower[:-1]):
        return True
    empty = words.beginnings | words.fragments | words.connectives | words.courtesies
    return sum(one not in empty for one in lower) >= _EXPLAINS


def _is_name(token: str) -> bool:
    """A number, an id, an address, or a name: something that was named outright."""
    return any(letter.isdigit() or letter == "@" for letter in token) or token[:1].isupper()


def _first(tokens: Sequence[str], skipped: Collection[str]) -> int:
    """Where the first token stands that is not among `skipped`."""
    places = (at for at, one in enumerate(tokens) if one.casefold() not in skipped)
    return next(places, len(tokens))


def _begins(lower: Sequence[str], phrases: Sequence[str]) -> str:
    """The longest phrase with which the words begin; empty if none."""
    begun = [one for one in phrases if list(lower[: len(one.split())]) == one.split()]
    return max(begun, key=len, default="")
