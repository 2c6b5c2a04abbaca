"""Decides a recorded request again, from the ledger alone, and tells whether it comes out the same.

A model is not asked: what tier `route` said then is read from the recorded exchange.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from langchain_core.messages import BaseMessage

from agents.routing.choose import FAILED, nobody, prompt_for, taken
from agents.routing.clarify import Asked
from agents.routing.decision import Route
from agents.routing.decline import otherwise
from agents.routing.desk import Desk
from agents.routing.earlier import Earlier, earlier_of
from agents.routing.going_on import Choice
from harness.plan import Frozen
from ledger.runs import Run
from ledger.store import Ledger
from runtime.canonical import Json
from runtime.errors import UnknownRun

TASK = "route"
"""Under which task the calls of tier `route` are on record."""
DeskOf = Callable[[str], Desk]
"""Gives the desk of a tenant."""
_MEASURED = frozenset({"seconds", "tokens", "router"})
_LONGEST = 300


class Given(Frozen):
    """What a decision was made from besides the words of the request."""

    hint: str = ""
    """The specialist that the caller named in the context of the request."""
    earlier: str = ""
    """The run that the request may have gone on from: the one before it in its thread."""
    asked: Asked | None = None
    """The clarifying question with its answer, if one was asked."""


class Replayed(Frozen):
    """What came of deciding again."""

    run: str
    recorded: Route
    again: Route | None
    """None where it cannot be decided again; `differences` says why."""
    differences: tuple[str, ...]
    """One sentence for each thing that came out otherwise."""
    router_changed: bool
    """Specialists, examples, encoder or settings are not those of then: a difference may be
    theirs."""

    @property
    def same(self) -> bool:
        """Whether the decision came out as it is on record."""
        return not self.differences


def recorded_decision(route: Route, given: Given) -> dict[str, Json]:
    """A decision as the ledger keeps it: the route, and what it was made from."""
    return route.model_dump(mode="json") | {"given": given.model_dump(mode="json")}


async def replay(run: str, ledger: Ledger, desk_of: DeskOf) -> Replayed:
    """Decide the request of a run again, with the specialists and settings of now.

    Args:
        desk_of: The desk of a tenant.

    Raises:
        UnknownRun: the ledger has no such run, or no route of it.
    """
    row = await ledger.runs.get(run)
    decision = await ledger.runs.route(run) if row else None
    if row is None or decision is None:
        remedy = "List the runs with: switchyard runs"
        raise UnknownRun("routed run", run, remedy=remedy)
    given = Given.model_validate(decision.get("given") or {})
    recorded = Route.model_validate({k: v for k, v in decision.items() if k != "given"})
    desk = desk_of(row.tenant)
    earlier = await earlier_of(
        ledger, given.earlier, thread=row.thread, tenant=row.tenant, user=row.user
    )
    again, why = await _decided(row, given, desk, earlier, ledger)
    return Replayed(
        run=run,
        recorded=recorded,
        again=again,
        differences=_differences(recorded, again) if again else (why,),
        router_changed=recorded.router != desk.identity,
    )


async def _decided(
    row: Run, given: Given, desk: Desk, earlier: Earlier | None, ledger: Ledger
) -> tuple[Route | None, str]:
    text = given.asked.whole if given.asked else row.request
    route = desk.by_rule(text, given.hint, given.asked, earlier)
    decided = route or desk.by_local(text, earlier)
    if isinstance(decided, Route):
        return decided, ""
    routes: list[Route] = []
    for choice in decided.choices:
        chosen, why = await _chosen(row.id, choice, desk, ledger)
        if chosen is None:
            return None, why
        routes.append(chosen)
    return desk.settled(decided, routes, earlier, asked=given.asked is not None), ""


async def _chosen(run: str, choice: Choice, desk: Desk, ledger: Ledger) -> tuple[Route | None, str]:
    """The choice of the model, out of what it answered then; or why there is none."""
    if not choice.candidates:
        return nobody(choice.text, desk.fallback), ""
    prompt = prompt_for(choice.text, choice.candidates, desk.specialists)
    kept = [one for one in await ledger.exchanges.of_run(run) if one.task == TASK]
    answers = [
        await _content(ledger, one.response)
        for one in kept
        if _asks(await _content(ledger, one.request), prompt)
    ]
    if not answers:
        told = "asks tier route something else than then" if kept else "has no recorded answer"
        return None, f"The model stage {told}, so that its choice cannot be decided again."
    answer = answers[-1] or {}
    if answer.get("outcome") != "ok":
        gone = otherwise(
            choice.text,
            "model",
            FAILED,
            fallback=desk.fallback,
            candidates=choice.candidates,
        )
        return gone, ""
    said = _said(answer["answer"])
    chosen = taken(choice.text, said, choice.candidates, desk.specialists, fallback=desk.fallback)
    return chosen, ""


def _asks(request: Json, prompt: Sequence[BaseMessage]) -> bool:
    """Whether a recorded request began with this prompt; one that was asked again goes on."""
    sent = [one.get("content") for one in (request or {}).get("messages", ())]
    return sent[: len(prompt)] == [one.content for one in prompt]


def _said(answer: Json) -> Json:
    """The arguments of the forced call, as the model gave them."""
    for call in answer["tool_calls"]:
        try:
            return json.loads(call["arguments"])
        except ValueError:
            return None
    return None


async def _content(ledger: Ledger, key: str) -> Json:
    """What is stored under a digest; None where it was forgotten."""
    kept = await ledger.exchanges.content(key)
    return json.loads(kept) if kept else None


def _differences(recorded: Route, again: Route) -> tuple[str, ...]:
    then, now = recorded.model_dump(), again.model_dump()
    # The ledger keeps that a call failed, not in which words.
    failed = recorded.reason.startswith(FAILED) and again.reason.startswith(FAILED)
    skipped = _MEASURED | ({"reason"} if failed else set())
    return tuple(
        f"{name} was {_brief(then[name])}, and is {_brief(now[name])} now."
        for name in then
        if name not in skipped and then[name] != now[name]
    )


def _brief(value: object) -> str:
    shown = str(value)
    return shown if len(shown) <= _LONGEST else shown[:_LONGEST] + "…"
