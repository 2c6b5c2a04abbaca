"""The routing stages as graph nodes: rule, local, model, then clarify or decline.

Each node reads the request, asks one stage of `agents/routing`, and returns its decision. Which
node comes next is read from the decision alone.
"""

from __future__ import annotations

import asyncio
from typing import Literal

from langgraph.config import get_config, get_stream_writer

from agents.routing.choose import by_model
from agents.routing.decision import Route
from agents.routing.rule import by_rule
from agents.routing.split import by_examples
from graphs.approval import ask_text
from graphs.services import Services, services
from graphs.state import Job, SupervisorState, no_outcome
from graphs.traces import note_route
from runtime.canonical import digest
from runtime.context import RunContext
from runtime.errors import BoundaryBreach, LimitBreached, RequestError
from runtime.labels import Label


async def rule(state: SupervisorState) -> SupervisorState:
    """An explicit address or the caller's hint decides."""
    opened, job = services(), state["job"]
    try:
        return await _decided(opened, job, by_rule(job["text"], opened.registry, job["specialist"]))
    except RequestError as error:
        return {"outcomes": {"d1": no_outcome(job, "rejected", str(error))}, "route": None}


async def local(state: SupervisorState) -> SupervisorState:
    """The local classifier decides, for no tokens, when it is sure; it also splits."""
    opened, job = services(), state["job"]
    route = await asyncio.to_thread(
        by_examples, job["text"], opened.classifier.candidates, opened.routing
    )
    return await _decided(opened, job, route)


async def model(state: SupervisorState) -> SupervisorState:
    """Tier `route` chooses from the short list."""
    opened, job = services(), state["job"]
    candidates = await asyncio.to_thread(opened.classifier.candidates, job["text"])
    candidates = candidates[: opened.routing.short_list]
    fallback = opened.registry.fallback
    try:
        route = await by_model(
            job["text"],
            candidates,
            opened.registry,
            fallback=fallback,
            model=opened.models.chat("route", _context(job)),
        )
    except (BoundaryBreach, LimitBreached) as error:
        route = Route(kind="decline", stage="model", reason=str(error))
    if route.kind == "clarify" and state.get("asked", 0) > 0 and fallback:
        route = _to_fallback(job, route, fallback.name)
    return await _decided(opened, job, route)


async def clarify(state: SupervisorState) -> SupervisorState:
    """Ask the user what would tell the candidates apart, and route the answer anew."""
    opened, job = services(), state["job"]
    asked = state.get("asked", 0) + 1
    assert state["route"] is not None, "only a decision to ask leads here"
    question = await opened.ledger.approvals.ask(
        "q-" + digest([job["run"], asked])[:12],
        run=job["run"],
        task=job["task"],
        kind="clarify",
        question={"question": state["route"]["question"]},
    )
    said = await ask_text(opened.ledger, question)
    await opened.ledger.approvals.answer(question.id, "approved", by=job["user"])
    return {"job": job | {"text": f"{job['text']}\n\n{said}"}, "asked": asked, "route": None}


async def decline(state: SupervisorState) -> SupervisorState:
    """Say that nobody here does this, and what can be done here."""
    job, route = state["job"], state["route"]
    offers = "\n".join(
        f"- **{one.name}**: {one.summary}"
        for one in services().registry.values()
        if not one.fallback
    )
    why = route["reason"] if route else ""
    text = f"No specialist takes this request. {why}\n\nWhat can be done here:\n{offers}"
    return {"outcomes": {"d1": no_outcome(job, "declined", text)}}


def after_rule(state: SupervisorState) -> Literal["local", "dispatch", "respond"]:
    """On to the local stage unless the rule decided or refused."""
    if state.get("outcomes"):
        return "respond"
    return "dispatch" if state.get("route") else "local"


def after_local(state: SupervisorState) -> Literal["model", "dispatch"]:
    """To the model only when the local stage is not sure."""
    return "dispatch" if state.get("route") else "model"


def after_model(state: SupervisorState) -> Literal["dispatch", "clarify", "decline"]:
    """What the decision says."""
    kind: Literal["dispatch", "clarify", "decline"] = (state["route"] or {})["kind"]
    return kind


async def _decided(opened: Services, job: Job, route: Route | None) -> SupervisorState:
    if route is None:
        return {"route": None}
    decision = route.model_dump(mode="json")
    await opened.ledger.runs.record_route(job["run"], decision)
    note_route(get_config(), route)
    get_stream_writer()({"event": "route", "run": job["run"], **decision})
    return {"route": decision}


def _context(job: Job) -> RunContext:
    return RunContext(
        run=job["run"],
        tenant=job["tenant"],
        user=job["user"],
        label=Label(job["label"]),
        docs=job["docs"],
        specialist="router",
        task="route",
    )


def _to_fallback(job: Job, route: Route, fallback: str) -> Route:
    """A second question would try the user's patience."""
    return Route.model_validate(
        route.model_dump()
        | {
            "kind": "dispatch",
            "question": "",
            "reason": f"{route.reason} Asked once already, so {fallback} answers.",
            "dispatches": [{"id": "d1", "specialist": fallback, "text": job["text"]}],
        }
    )
