"""`switchyard route --explain`: gathers what is behind a decision, from the stages that made it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from agents.routing.choose import prompt_for
from agents.routing.cuts import places
from agents.routing.decision import Candidate, Route, Scored
from agents.routing.desk import Choice, Desk, Unsure
from agents.routing.split import LONGEST, Reading, read
from app.route_desk import Opened, open_desk
from app.route_explanation import Cut, Explanation, NearExample, Part, Share, Shown, Stage, Told
from app.route_near import Near, Neighbours, Word, examples_of
from app.routing import Free, decide_at, without_model
from app.spec_source import front_of
from models.usage import estimate_prompt
from runtime.settings import Settings
from runtime.yaml_source import Located, load_yaml

_TOLD = 5
"""Candidates that are told of in full; more where the model is shown more."""
_NEAREST = 3


async def explain(settings: Settings, text: str, specialist: str, tenant: str) -> Explanation:
    """The decision that `run` would take, with its reasons; tier `route` is asked as usual.

    Raises:
        RequestError: a specialist is addressed that does not exist.
        ConfigError: a configuration file is wrong.
    """
    async with open_desk(settings, tenant) as opened:
        free = await asyncio.to_thread(without_model, opened.desk, text, specialist)
        route = await decide_at(settings, opened.desk, text, free)
        if route.stage == "rule":
            return Explanation(request=text, route=route, stages=_stages(free, route, None))
        return await asyncio.to_thread(_explained, opened, text, free, route)


def _explained(opened: Opened, text: str, free: Free, route: Route) -> Explanation:
    desk = opened.desk
    reading = read(text, desk.classifier, desk.routing)
    scored = reading.whole
    neighbours = Neighbours(examples_of(desk.specialists.values()), opened.encoder)
    told = max(_TOLD, scored.short_list)
    return Explanation(
        request=text,
        route=route,
        stages=_stages(free, route, scored),
        candidates=tuple(
            _told(one, _why(place, one, scored, route), text, desk, neighbours)
            for place, one in enumerate(scored.candidates[:told])
        ),
        none=scored.none,
        threshold=scored.threshold,
        sure=scored.sure,
        outside=scored.outside,
        shown=_shown(text, reading, free, desk),
        cuts=tuple(_cuts(reading, desk)),
    )


def _stages(free: Free, route: Route, scored: Scored | None) -> tuple[Stage, ...]:
    said = {
        "rule": route.reason if route.stage == "rule" else "Nobody is addressed.",
        "local": _standing(scored, route) if scored else "",
    }
    found = [
        Stage(name=name, seconds=round(seconds, 6), said=said.get(name, ""))
        for name, seconds in free.seconds.items()
    ]
    if isinstance(free.decided, Unsure):
        rest = max(0.0, route.seconds - sum(free.seconds.values()))
        asked = f"{route.reason} ({route.tokens} tokens)"
        found.append(Stage(name="model", seconds=round(rest, 6), said=asked))
    return tuple(found)


def _standing(scored: Scored, route: Route) -> str:
    """Why the local stage is sure, unsure, or sure that it is nobody's."""
    if route.stage == "local" and len(route.dispatches) > 1:
        return f"Split into {len(route.dispatches)} parts, each of which is sure."
    if not scored.candidates:
        return "No specialist has examples."
    first = scored.candidates[0]
    reached = f"{first.specialist} has {first.probability:.1%}, the threshold is"
    if scored.sure:
        return f"Sure: {reached} {scored.threshold:.1%}."
    if scored.outside:
        return f"Outside: none of these with {scored.none:.1%}."
    if first.probability < scored.threshold:
        return f"Unsure: {reached} {scored.threshold:.1%}."
    return f"Unsure: {reached} {scored.threshold:.1%}, but the examples do not bear that out."


def _told(one: Candidate, why: str, text: str, desk: Desk, neighbours: Neighbours) -> Told:
    speaks_for, against = neighbours.words(text, one.specialist)
    near = neighbours.nearest(text, _NEAREST, one.specialist)
    located = _located(desk, one.specialist)
    return Told(
        specialist=one.specialist,
        intent=one.intent or (near[0].example.intent if near else ""),
        probability=one.probability,
        why=why,
        nearest=tuple(_near(each, desk, located) for each in near),
        speaks_for=_shares(speaks_for),
        speaks_against=_shares(against),
    )


def _why(place: int, one: Candidate, scored: Scored, route: Route) -> str:
    if len(route.dispatches) > 1:
        parts = [each.id for each in route.dispatches if each.specialist == one.specialist]
        return f"gets {' and '.join(parts)}" if parts else "gets no part of the request"
    listed = "in the short list" if place < scored.short_list else "not in the short list"
    if place == 0 and scored.sure:
        return "taken: it reaches the threshold"
    if scored.sure:
        return "the first one is sure"
    if scored.outside:
        return "the request is surely none of these"
    if one.probability >= scored.threshold:
        return f"{listed}; it reaches the threshold, but the examples do not bear that out"
    return f"{listed}; {scored.threshold - one.probability:.1%} below the threshold"


def _near(one: Near, desk: Desk, located: Located | None) -> NearExample:
    file = desk.registry[one.example.specialist].file
    line = located.line(one.example.path) if located else 0
    return NearExample(
        text=one.example.text,
        intent=one.example.intent,
        similarity=one.similarity,
        place=f"{file.name}:{line}",
    )


def _located(desk: Desk, name: str) -> Located | None:
    file = desk.registry[name].file
    return load_yaml(front_of(file.read_text(encoding="utf-8")), file, first_line=2)


def _shares(words: Sequence[Word]) -> tuple[Share, ...]:
    return tuple(Share(word=one.word, weight=round(one.weight, 4)) for one in words)


def _shown(text: str, reading: Reading, free: Free, desk: Desk) -> tuple[Shown, ...]:
    asked = isinstance(free.decided, Unsure)
    would = (Choice(text=text, candidates=reading.listed),)
    choices = free.decided.choices if isinstance(free.decided, Unsure) else would
    return tuple(_asked_for(one, desk, asked=asked) for one in choices if one.candidates)


def _asked_for(choice: Choice, desk: Desk, *, asked: bool) -> Shown:
    every = [Candidate(specialist=name, probability=0.0) for name in desk.specialists]
    prompt = _prompt(choice.text, choice.candidates, desk)
    return Shown(
        asked=asked,
        prompt=prompt,
        candidates=len(choice.candidates),
        tokens=estimate_prompt(prompt, None),
        tokens_of_all=estimate_prompt(_prompt(choice.text, every, desk), None),
    )


def _prompt(text: str, candidates: Sequence[Candidate], desk: Desk) -> str:
    return "\n\n".join(str(one.content) for one in prompt_for(text, candidates, desk.specialists))


def _cuts(reading: Reading, desk: Desk) -> list[Cut]:
    """How a split was decided: the parts that were found, or each place where none was cut."""
    if reading.parts:
        parts = tuple(_part(one.text, one.scored, waits=one.waits) for one in reading.parts)
        return [Cut(at="", parts=parts, why=_found(parts))]
    text = reading.text
    if len(text) > LONGEST:
        return []
    found = places(text, desk.routing)
    halves = [half for one in found for half in (text[: one.end], text[one.start :])]
    scored = desk.classifier.score_all(halves)
    told = [_part(half.strip(), each) for half, each in zip(halves, scored, strict=True)]
    return [
        Cut(at=one.said or text[one.end - 1 : one.start].strip(), parts=pair, why=_unsplit(pair))
        for one, pair in zip(found, zip(told[::2], told[1::2], strict=True), strict=True)
    ]


def _part(text: str, scored: Scored, *, waits: bool = False) -> Part:
    first = scored.candidates[0] if scored.candidates else None
    return Part(
        text=text,
        specialist=first.specialist if first else "",
        probability=first.probability if first else 0.0,
        sure=scored.sure,
        waits=waits,
    )


def _found(parts: Sequence[Part]) -> str:
    open_ones = [one for one in parts if not one.sure]
    told = f"{len(parts)} parts, each more like the examples than the whole"
    return f"{told}; not split by the examples, for a part is unsure" if open_ones else told


def _unsplit(parts: Sequence[Part]) -> str:
    if len({one.specialist for one in parts}) == 1:
        return f"not split: both parts belong to {parts[0].specialist}"
    return "not split: the parts are not clearly more like the examples than the whole"
