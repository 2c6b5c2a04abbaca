"""The routing stages as graph nodes: rule, local, model, then clarify or decline.

Each node reads the request, asks one stage of `agents/routing`, and returns its decision. Which
node comes next is read from the decision alone.
"""

from __future__ import annotations

import asyncio
import time
from typing import Literal

from langgraph.config import get_config, get_stream_writer

from agents.intake import strange_inputs
from agents.routing.clarify import Asked, ask
from agents.routing.decision import Candidate, Route
from agents.routing.decline import declined
from agents.routing.desk import Desk
from agents.routing.earlier import Earlier, earlier_of
from agents.routing.going_on import Unsure
from agents.routing.local import LocalClassifier
from agents.routing.replay import TASK, Given, recorded_decision
from graphs.approval import ask_text
from graphs.services import Services, services
from graphs.state import Job, SupervisorState, Took, no_outcome
from graphs.traces import note_route
from runtime.canonical import digest
from runtime.context import RunContext
from runtime.errors import (
    BoundaryBreach,
    LimitBreached,
    ModelFault,
    ModelUnavailable,
    RequestError,
)
from runtime.labels import Label


async def rule(state: SupervisorState) -> SupervisorState:
    """An explicit address, the caller's hint, or a plain answer to a question decides."""
    opened, job, began = services(), state["job"], time.perf_counter()
    earlier = await _earlier(opened, state)
    try:
        route = desk_of(opened, job["tenant"]).by_rule(
            job["text"], job["specialist"], _asked(state), earlier
        )
    except RequestError as error:
        return {"outcomes": {"d1": no_outcome(job, "rejected", str(error))}, "route": None}
    took = _after(state, began)
    if route is None:
        return {"route": None, "took": took}
    return await _decided(opened, state, route, took, earlier)


async def local(state: SupervisorState) -> SupervisorState:
    """The local classifier decides, for no tokens, when it is sure; it also splits, and knows
    what goes on from the request before."""
    opened, job, began = services(), state["job"], time.perf_counter()
    earlier = await _earlier(opened, state)
    desk = desk_of(opened, job["tenant"], opened.local_stage.on_behalf_of(_context(job)))
    try:
        decided = await asyncio.to_thread(desk.by_local, job["text"], earlier)
    except (BoundaryBreach, LimitBreached, ModelFault, ModelUnavailable):
        # Tier `embed` may not be asked, or does not answer: words alone are still there.
        desk = desk_of(opened, job["tenant"], opened.local_stage.words)
        decided = await asyncio.to_thread(desk.by_local, job["text"], earlier)
    took = _after(state, began)
    if isinstance(decided, Route):
        return await _decided(opened, state, decided, took, earlier, desk)
    return {"route": None, "unsure": decided.model_dump(mode="json"), "took": took}


async def model(state: SupervisorState) -> SupervisorState:
    """Tier `route` chooses from the short list."""
    opened, job, began = services(), state["job"], time.perf_counter()
    unsure = Unsure.model_validate(state["unsure"])
    earlier = await _earlier(opened, state)
    if unsure.follows and earlier is not None:
        # Before anybody is asked: the question itself holds words of the earlier request.
        await opened.ledger.runs.raise_label(job["run"], earlier.label)
    try:
        route = await desk_of(opened, job["tenant"]).by_model(
            unsure,
            opened.models.chat("route", _context(job)),
            earlier,
            asked=_asked(state) is not None,
        )
    except (BoundaryBreach, LimitBreached) as error:
        route = Route(
            kind="decline",
            stage="model",
            reason=str(error),
            candidates=unsure.candidates,
            threshold=unsure.threshold,
            follows=unsure.follows,
        )
    took = _after(state, began, route.tokens)
    return await _decided(opened, state, route, took, earlier)


async def clarify(state: SupervisorState) -> SupervisorState:
    """Ask the user what would tell the candidates apart; the answer goes through the stages."""
    opened, job, route = services(), state["job"], state["route"]
    assert route is not None, "only a decision to ask leads here"
    candidates = [Candidate.model_validate(one) for one in route["candidates"]]
    asked = ask(job["text"], candidates, desk_of(opened, job["tenant"]).specialists)
    asked = asked.model_copy(update={"question": str(route["question"])})
    question = await opened.ledger.approvals.ask(
        "q-" + digest([job["run"], 1])[:12],
        run=job["run"],
        task=job["task"],
        kind="clarify",
        question={"question": asked.question, "options": list(asked.options)},
    )
    said = await ask_text(opened.ledger, question)
    await opened.ledger.approvals.answer(question.id, "approved", by=job["user"])
    answered = asked.model_copy(update={"answer": said})
    return {
        "job": job | {"text": answered.whole},
        "asked": answered.model_dump(mode="json"),
        "route": None,
    }


async def decline(state: SupervisorState) -> SupervisorState:
    """Say that nobody here does this, and what can be done here."""
    job, route = state["job"], state["route"] or {}
    text = declined(
        str(route.get("reason", "")),
        desk_of(services(), job["tenant"]).specialists,
        [one["specialist"] for one in route.get("candidates", ())],
    )
    return {"outcomes": {"d1": no_outcome(job, "declined", text)}}


def after_rule(state: SupervisorState) -> Literal["local", "dispatch", "decline", "respond"]:
    """On to the local stage unless the rule decided or refused."""
    if state.get("outcomes"):
        return "respond"
    return "local" if not state.get("route") else _next(state)


def after_local(state: SupervisorState) -> Literal["model", "dispatch", "decline"]:
    """To the model only when the local stage is not sure."""
    return "model" if not state.get("route") else _next(state)


def after_model(state: SupervisorState) -> Literal["dispatch", "clarify", "decline"]:
    """What the decision says."""
    return "clarify" if (state["route"] or {})["kind"] == "clarify" else _next(state)


def desk_of(opened: Services, tenant: str, trained: LocalClassifier | None = None) -> Desk:
    """The routing stages over what a tenant may use, by another classifier if one is given."""
    return Desk(
        registry=opened.registry,
        trained=trained or opened.local_stage.classifier,
        routing=opened.routing,
        tenant=tenant,
    )


def _next(state: SupervisorState) -> Literal["dispatch", "decline"]:
    return "decline" if (state["route"] or {})["kind"] == "decline" else "dispatch"


async def _earlier(opened: Services, state: SupervisorState) -> Earlier | None:
    job = state["job"]
    return await earlier_of(
        opened.ledger,
        state.get("earlier", ""),
        thread=str(get_config().get("configurable", {}).get("thread_id", "")),
        tenant=job["tenant"],
        user=job["user"],
    )


def _asked(state: SupervisorState) -> Asked | None:
    asked = state.get("asked")
    return Asked.model_validate(asked) if asked else None


def _after(state: SupervisorState, began: float, tokens: int = 0) -> Took:
    before = state.get("took") or Took(seconds=0.0, tokens=0)
    return {
        "seconds": before["seconds"] + time.perf_counter() - began,
        "tokens": before["tokens"] + tokens,
    }


async def _decided(
    opened: Services,
    state: SupervisorState,
    route: Route,
    took: Took,
    earlier: Earlier | None,
    by: Desk | None = None,
) -> SupervisorState:
    """Record a decision with what it took and what it was made from, and tell it."""
    job = state["job"]
    # Another identity where words alone had to decide: a replay can then tell why it differs.
    desk = by or desk_of(opened, job["tenant"])
    identity = await asyncio.to_thread(lambda: desk.identity)
    route = route.model_copy(
        update={
            "router": identity,
            "seconds": round(took["seconds"], 6),
            "tokens": took["tokens"],
        }
    )
    given = Given(
        hint=job["specialist"], earlier=earlier.run if earlier else "", asked=_asked(state)
    )
    decision = recorded_decision(route, given)
    if strange := _strange(opened, route):
        # With the run, so that no sibling and no request that goes on from it takes them for the
        # user's own words.
        decision["strange"] = strange
    await opened.ledger.runs.record_route(job["run"], decision)
    note_route(get_config(), route)
    get_stream_writer()({"event": "route", "run": job["run"], **decision})
    update: SupervisorState = {"route": route.model_dump(mode="json"), "took": took}
    if route.follows and earlier is not None:
        # What a run of this label found is in the request from here on.
        label = await opened.ledger.runs.raise_label(job["run"], earlier.label)
        update["job"] = job | {"label": label.value}
        update["upstream"] = earlier.results
    return update


def _strange(services: Services, route: Route) -> list[str]:
    """Texts of strangers among the inputs of the dispatches."""
    found = (
        text
        for one in route.dispatches
        if (specialist := services.registry.get(one.specialist)) is not None
        for text in strange_inputs(specialist, one.text)
    )
    return list(dict.fromkeys(found))


def _context(job: Job) -> RunContext:
    return RunContext(
        run=job["run"],
        tenant=job["tenant"],
        user=job["user"],
        label=Label(job["label"]),
        docs=job["docs"],
        specialist="router",
        task=TASK,
    )
