"""The clarifying question, and what a short answer to it settles without asking anybody again."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agents.routing.decision import Candidate
from agents.routing.examples import nearest_example, telling_words, words_of
from agents.spec import Specialist
from harness.plan import Frozen

_MOST_OPTIONS = 3
_NEAR = 0.5
"""A third option is offered when it is at least so probable as compared with the second."""
_SHORT = 8
"""Words of an answer up to which it is read as a choice; a longer one is a request of its own."""
_ORDINALS: tuple[frozenset[str], ...] = (
    frozenset({"1", "1st", "first", "former", "a"}),
    frozenset({"2", "2nd", "second", "b"}),
    frozenset({"3", "3rd", "third", "c"}),
)
_LAST = frozenset({"last", "latter"})
_EMPTY_WORDS = """
the one option number please i want mean would like it is its that yes ok okay take choose do
"""
_FILLERS = frozenset(_EMPTY_WORDS.split())
_NEITHER = re.compile(
    r"\W*(?:(?:neither|none)(?: of (?:them|these|those|the two))?|nothing|something else|no)\W*",
    re.IGNORECASE,
)


class Asked(Frozen):
    """A clarifying question with its options in order, and the answer once there is one."""

    text: str
    """The request as it was when the question arose."""
    question: str
    options: tuple[str, ...]
    """Names of specialists."""
    answer: str = ""

    @property
    def whole(self) -> str:
        """The request together with the answer."""
        return f"{self.text}\n\n{self.answer}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What an answer chooses. `specialist` is empty for an answer that wants none of them."""

    specialist: str
    text: str
    """What the specialist is asked: the request, with the answer where that says more."""
    how: str


def ask(text: str, candidates: Sequence[Candidate], specialists: Mapping[str, Specialist]) -> Asked:
    """The question between the most probable candidates: two, or three where the third is near.

    Each option shows what tells it from the others: its summary, and of its examples the one that
    is nearest to the request.
    """
    options = candidates[:2]
    if len(candidates) > 2 and candidates[2].probability >= _NEAR * candidates[1].probability:
        options = candidates[:_MOST_OPTIONS]
    lines = [
        f"{number}. {one.specialist}: {_described(specialists[one.specialist], text, one.intent)}"
        for number, one in enumerate(options, start=1)
    ]
    question = "\n".join(
        ["What do you want?", *lines, "Answer with a number, a name, or in your own words."]
    )
    return Asked(text=text, question=question, options=tuple(one.specialist for one in options))


def chosen(asked: Asked, specialists: Mapping[str, Specialist]) -> Chosen | None:
    """The option that an answer chooses, by its number, its name, or words that only it has.

    None when the answer settles nothing: then the request is routed anew, together with it.
    """
    if len(asked.answer.split()) > _SHORT:
        return None
    said = f"the answer {asked.answer.strip()[:60]!r}"
    if _NEITHER.fullmatch(asked.answer):
        return Chosen(specialist="", text=asked.text, how=f"{said} wants none of the options")
    plain = _numbered(asked) or _named(asked)
    if plain:
        return Chosen(specialist=plain, text=asked.text, how=f"{said} chooses it")
    # What they are for tells more than what is said in passing in an example.
    met = _met(asked, specialists, examples=False) or _met(asked, specialists, examples=True)
    if len(met) != 1:
        return None
    return Chosen(specialist=met[0], text=asked.whole, how=f"{said} fits it alone")


def _met(asked: Asked, specialists: Mapping[str, Specialist], *, examples: bool) -> list[str]:
    """The options that have a word of the answer which no other option has."""
    options = [specialists[name] for name in asked.options if name in specialists]
    answer = words_of(asked.answer)
    met = []
    for one in options:
        others = [other for other in options if other is not one]
        if answer & telling_words(one, others, examples=examples):
            met.append(one.name)
    return met


def _described(one: Specialist, text: str, intent: str) -> str:
    example = nearest_example(one, text, intent)
    return f"{one.summary} For example: “{example}”" if example else one.summary


def _numbered(asked: Asked) -> str:
    """The option that the answer counts to, and says nothing else."""
    spoken = re.findall(r"[a-z0-9]+", asked.answer.casefold())
    words = [word for word in spoken if word not in _FILLERS]
    if spoken == ["one"]:
        return asked.options[0]
    if len(words) != 1:
        return ""
    if words[0] in _LAST:
        return asked.options[-1]
    for option, ordinals in zip(asked.options, _ORDINALS, strict=False):
        if words[0] in ordinals:
            return option
    return ""


def _named(asked: Asked) -> str:
    """The option whose name, or the beginning of whose name alone, is all that the answer says."""
    spoken = re.findall(r"[a-z0-9]+", asked.answer.casefold())
    name = "-".join(word for word in spoken if word not in _FILLERS)
    if name in asked.options:
        return name
    begun = [option for option in asked.options if len(name) > 1 and option.startswith(name)]
    return begun[0] if len(begun) == 1 else ""
