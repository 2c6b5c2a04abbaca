"""Feedback on a route: "should have gone to …" becomes a proposal, never a silent change."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from pydantic import Field

from agents.routing.decision import Route, Scored
from agents.routing.earlier import own_words
from agents.routing.local import LocalClassifier
from agents.spec import Specialist
from app.lookup import known_run
from app.route_desk import open_desk
from app.route_near import Neighbours, examples_of
from harness.plan import Frozen
from ledger.proposals import Proposal
from ledger.runs import Run
from ledger.store import Ledger, open_ledger
from runtime.canonical import Json, digest
from runtime.errors import RequestError, UnknownRun, UserError
from runtime.labels import Label
from runtime.settings import Settings

KIND = "example"
"""Of proposals for an example utterance."""


Score = Callable[[str], Scored]
"""What the local stage says of a text."""


class Said(Frozen):
    """What somebody says of a route."""

    specialist: str = Field(min_length=1, max_length=64)
    """Where the request should have gone."""
    intent: str = Field(default="", max_length=200)
    """Which of its intents; the one with the nearest example when empty."""
    dispatch: str = Field(default="", max_length=20)
    """Which part of a request that was split."""
    note: str = Field(default="", max_length=2000)
    """Why, for whoever decides."""
    tenant: str = Field(default="local", min_length=1, max_length=128)
    """Whose run it is."""


class Example(Frozen):
    """The payload of a proposal: an example utterance for a specialist."""

    text: str
    """The words; empty where they are withheld, because the run has regulated data."""
    specialist: str
    intent: str
    was: tuple[str, ...]
    """Where the request went; empty when it was declined."""
    stage: str
    """The stage that decided so."""
    dispatch: str = ""
    follows: bool = False
    """The request went on from an earlier one, so its words alone show little."""
    note: str = ""
    include_regulated: bool = False
    """An operator wants the words of a regulated run written into the file."""


async def propose_at(
    settings: Settings, run_id: str, said: Said, *, by: str, include_regulated: bool
) -> Proposal:
    """Record feedback of an operator at the command line.

    Raises:
        UnknownRun: no run has this id, or several begin with it, or it is another tenant's.
        RequestError: there is no such specialist, intent or part.
        UserError: the run has no route, or went there already.
    """
    async with open_desk(settings, said.tenant) as opened, open_ledger(settings.ledger) as ledger:
        desk = opened.desk
        run = await known_run(ledger, run_id)
        if run.tenant != said.tenant:
            raise UnknownRun(
                "run",
                run.id,
                remedy=f"Tenant {said.tenant!r} has none of this id; name its tenant: --tenant.",
            )
        return await propose(
            ledger,
            desk.specialists,
            run,
            said,
            by=by,
            # By words: nothing of the run leaves the process for this.
            score=LocalClassifier(desk.registry.values()).score,
            include_regulated=include_regulated,
        )


async def propose(
    ledger: Ledger,
    specialists: Mapping[str, Specialist],
    run: Run,
    said: Said,
    *,
    by: str,
    score: Score,
    include_regulated: bool = False,
) -> Proposal:
    """Record that a run should have gone elsewhere; the same feedback twice is one proposal.

    The words of a regulated run are left out unless `include_regulated`. Where no intent is named,
    `score` tells the nearest one. `specialists` are those that the run's tenant may use.

    Raises:
        RequestError: there is no such specialist, intent or part.
        UserError: the run has no route, went there already, or this was decided before.
    """
    recorded = await ledger.runs.route(run.id)
    if recorded is None:
        raise UserError(
            f"Run {run.id} has no route on record.",
            remedy="Give feedback on a run that was routed: switchyard runs",
        )
    route = route_of(recorded)
    one = _known(specialists, said.specialist)
    text = words_of_route(run, route, said)
    intent = await asyncio.to_thread(_intent, one, said.intent, text, score)
    _refuse_same(run, route, said)
    withheld = await ledger.runs.label(run.id) is Label.regulated and not include_regulated
    payload = Example(
        text="" if withheld else text,
        specialist=one.name,
        intent=intent,
        was=tuple(each.specialist for each in route.dispatches),
        stage=route.stage,
        dispatch=said.dispatch,
        follows=bool(route.follows),
        note=said.note,
        include_regulated=include_regulated,
    ).model_dump(mode="json")
    made_of = [KIND, run.id, said.dispatch, one.name, intent, said.note, include_regulated]
    found = await ledger.proposals.propose(
        f"p-{digest(made_of)[:12]}",
        kind=KIND,
        sources=[run.id],
        tenant=run.tenant,
        payload=payload,
        by=by,
    )
    if found.state != "proposed":
        raise UserError(
            f"This was proposed before ({found.id}) and is {found.state}"
            f" by {found.rolled_back_by or found.decided_by}.",
            remedy="To propose it again, say in a note why.",
        )
    return found


def route_of(recorded: Mapping[str, Json]) -> Route:
    """The decision that the ledger keeps, without what it was made from."""
    return Route.model_validate(
        {name: value for name, value in recorded.items() if name in Route.model_fields}
    )


def _known(specialists: Mapping[str, Specialist], name: str) -> Specialist:
    one = specialists.get(name)
    if one is None:
        raise RequestError(
            f"there is no specialist {name!r}",
            field="specialist",
            value=name,
            remedy=f"Use one of: {', '.join(sorted(specialists))}.",
        )
    if not one.intents:
        raise RequestError(
            f"{name!r} has no intents: it takes what nobody else does",
            field="specialist",
            value=name,
            remedy="Name one with intents, or give it an intent by hand.",
        )
    return one


def words_of_route(run: Run, route: Route, said: Said) -> str:
    """The request as it was routed, on one line: without its address and what it goes on from."""
    parts = {one.id: one.text for one in route.dispatches}
    parts |= {f"left{number}": text for number, text in enumerate(route.left_out, start=1)}
    if said.dispatch and said.dispatch not in parts:
        raise RequestError(
            f"run {run.id} has no part {said.dispatch!r}",
            field="dispatch",
            value=said.dispatch,
            remedy=f"Its parts are: {', '.join(parts) or 'none'}.",
        )
    if len(set(parts.values())) > 1 and not said.dispatch:
        listed = "; ".join(f"{id}: {text[:60]}" for id, text in parts.items())
        raise RequestError(
            "the request was split, and an example has one intent",
            field="dispatch",
            value="",
            remedy=f"Say which part is meant. {listed}",
        )
    text = parts[said.dispatch] if said.dispatch else next(iter(parts.values()), run.request)
    return " ".join(own_words(text).split())


def _intent(one: Specialist, wanted: str, text: str, score: Score) -> str:
    names = [intent.name for intent in one.intents]
    if wanted and wanted not in names:
        raise RequestError(
            f"{one.name!r} has no intent {wanted!r}",
            field="intent",
            value=wanted,
            remedy=f"Use one of: {', '.join(names)}.",
        )
    if wanted or len(names) == 1:
        return wanted or names[0]
    for candidate in score(text).candidates:
        if candidate.specialist == one.name and candidate.intent in names:
            return candidate.intent
    # So far off that it is not even a candidate: by words alone.
    return Neighbours(examples_of([one])).nearest(text, 1)[0].example.intent


def _refuse_same(run: Run, route: Route, said: Said) -> None:
    """An example where the examples decided so already would change nothing."""
    parts = [one for one in route.dispatches if said.dispatch in ("", one.id)]
    there = [one.specialist for one in parts] == [said.specialist]
    if there and route.stage == "local" and not said.intent:
        raise UserError(
            f"Run {run.id} went to {said.specialist!r}, by its examples.",
            remedy="Name another specialist, or with --intent which of its intents is meant.",
        )
