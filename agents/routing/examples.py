"""Words of requests and of examples, compared without any model: what is near, what tells apart."""

from __future__ import annotations

import re
from collections.abc import Iterable

from agents.spec import Specialist

_WORD = re.compile(r"[^\W_]+")
_EMPTY_WORDS = """
the and for with from this that these those what which who how are was were does did has have
can you your our their its his her him them they out any all not into over about there here
please want need one some get
"""
_EMPTY = frozenset(_EMPTY_WORDS.split())


def words_of(text: str) -> frozenset[str]:
    """The words of a text that say what it is about, in one form for singular and plural."""
    found = (word.casefold() for word in _WORD.findall(text))
    return frozenset(
        word.removesuffix("s") if len(word) > 3 else word
        for word in found
        if len(word) > 2 and word not in _EMPTY
    )


def nearest_example(specialist: Specialist, text: str, intent: str = "") -> str:
    """The example that shares most words with a text; empty for a specialist without examples.

    Args:
        intent: Look among the examples of this intent only, where the specialist has it.
    """
    wanted = words_of(text)
    own = [one for one in specialist.intents if one.name == intent] or specialist.intents
    examples = [example for one in own for example in one.examples]
    return max(examples, key=lambda one: len(wanted & words_of(one)), default="")


def telling_words(
    specialist: Specialist, others: Iterable[Specialist], *, examples: bool
) -> frozenset[str]:
    """The words of a specialist that none of the others has.

    Args:
        examples: Those of its examples as well; otherwise of name, summary and intents alone.
    """
    mine = _said_by(specialist, examples)
    for other in others:
        mine -= _said_by(other, examples)
    return mine


def _said_by(one: Specialist, examples: bool) -> frozenset[str]:
    said = [one.name, one.summary, *(intent.name for intent in one.intents)]
    if examples:
        said += [example for intent in one.intents for example in intent.examples]
    return words_of(" ".join(said))
