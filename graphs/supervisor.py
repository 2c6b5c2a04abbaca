"""The supervisor: intake, routing stages, specialists by conditional edges, judge, respond."""

from __future__ import annotations

from typing import Any, Literal

from langgraph.graph import END, START, StateGraph
from langgraph.types import Send

from agents.registry import Registry, load_registry
from graphs.held import held
from graphs.intake import after_intake, intake
from graphs.respond import after_judge, judge, respond
from graphs.routing import (
    after_local,
    after_model,
    after_rule,
    clarify,
    decline,
    local,
    model,
    rule,
)
from graphs.specialist import node_for
from graphs.state import (
    Job,
    Outcome,
    RequestContext,
    SupervisorInput,
    SupervisorOutput,
    SupervisorState,
    no_outcome,
)
from runtime.canonical import Json
from runtime.errors import RunCancelled
from runtime.settings import load

Builder = StateGraph[SupervisorState, RequestContext, SupervisorInput, SupervisorOutput]


async def dispatch(state: SupervisorState) -> SupervisorState:
    """Close the dispatches that can never start, because one that they need has no result."""
    done = dict(state.get("outcomes") or {})
    lost: dict[str, Outcome] = {}
    for one in (state["route"] or {})["dispatches"]:
        missing = [id for id in one["needs"] if _is_lost(state, id, done)]
        if one["id"] not in done and missing:
            job = _job(state, one, done)
            why = f"Not started: it needs the result of {missing[0]}, which has none."
            done[one["id"]] = lost[one["id"]] = no_outcome(job, "failed", why)
    return {"outcomes": lost}


def fan_out(state: SupervisorState) -> list[Send] | Literal["judge"]:
    """Start every dispatch whose needs are met; when none is left, judge the answers."""
    done = state.get("outcomes") or {}
    waiting = [one for one in (state["route"] or {})["dispatches"] if one["id"] not in done]
    ready = [one for one in waiting if all(_is_over(state, id, done) for id in one["needs"])]
    if not ready:
        return "judge"
    return [Send(one["specialist"], _job(state, one, done)) for one in ready]


def _job(state: SupervisorState, one: dict[str, str], done: dict[str, Outcome]) -> Job:
    upstream: dict[str, Json] = {
        id: {"request": _text_of(state, id), "outputs": done[id]["outputs"]}
        for id in one["needs"]
        if id in done
    }
    if _follows(state) in one["needs"]:
        earlier = state.get("upstream") or {}
        upstream = {f"earlier-{id}": given for id, given in earlier.items()} | upstream
    return {
        **state["job"],
        "task": one["id"],
        "specialist": one["specialist"],
        "text": one["text"],
        "upstream": upstream,
    }


def _text_of(state: SupervisorState, id: str) -> str:
    texts = {one["id"]: str(one["text"]) for one in (state["route"] or {})["dispatches"]}
    return texts[id]


def _follows(state: SupervisorState) -> str:
    """The run that the request goes on from. A dispatch may need it like another dispatch."""
    return str((state["route"] or {}).get("follows", ""))


def _is_over(state: SupervisorState, id: str, done: dict[str, Outcome]) -> bool:
    return id in done or id == _follows(state)


def _is_lost(state: SupervisorState, id: str, done: dict[str, Outcome]) -> bool:
    if id == _follows(state):
        return not state.get("upstream")
    return id in done and not _usable(done[id])


def _usable(outcome: Outcome) -> bool:
    return outcome["status"] in ("done", "incomplete")


def _run_of(state: SupervisorState) -> str:
    return state["job"]["run"]


def _run_of_job(job: Job) -> str:
    return job["run"]


def _nowhere(_state: SupervisorState, cancelled: RunCancelled) -> SupervisorState:
    """The route of a run that was cancelled before it had one."""
    route = {"kind": "dispatch", "stage": "rule", "reason": str(cancelled), "dispatches": []}
    return {"route": route}


def _none_begins(state: SupervisorState, cancelled: RunCancelled) -> SupervisorState:
    done = state.get("outcomes") or {}
    waiting = [one for one in (state["route"] or {})["dispatches"] if one["id"] not in done]
    jobs = [_job(state, one, done) for one in waiting]
    return {"outcomes": {job["task"]: no_outcome(job, "cancelled", str(cancelled)) for job in jobs}}


def _cut_short(job: Job, cancelled: RunCancelled) -> dict[str, dict[str, Outcome]]:
    return {"outcomes": {job["task"]: no_outcome(job, "cancelled", str(cancelled))}}


def _as_it_is(_state: SupervisorState, _cancelled: RunCancelled) -> SupervisorState:
    return {}


def build(registry: Registry) -> Builder:
    """The supervisor over these specialists, not yet compiled. One node for each of them."""
    builder: Builder = StateGraph(
        SupervisorState,
        context_schema=RequestContext,
        input_schema=SupervisorInput,
        output_schema=SupervisorOutput,
    )
    for node in (intake, respond):
        builder.add_node(node.__name__, node)
    for node in (rule, local, model, clarify):
        builder.add_node(node.__name__, held(node, _run_of, _nowhere))
    builder.add_node("dispatch", held(dispatch, _run_of, _none_begins))
    for node in (decline, judge):
        builder.add_node(node.__name__, held(node, _run_of, _as_it_is))
    for specialist in registry.values():
        # The node receives a job by Send, not the state; the types of add_node know only states.
        node_of: Any = held(node_for(specialist), _run_of_job, _cut_short)
        builder.add_node(specialist.name, node_of)
        builder.add_edge(specialist.name, "dispatch")
    builder.add_edge(START, "intake")
    builder.add_conditional_edges("intake", after_intake)
    builder.add_conditional_edges("rule", after_rule)
    builder.add_conditional_edges("local", after_local)
    builder.add_conditional_edges("model", after_model)
    builder.add_edge("clarify", "rule")
    builder.add_edge("decline", "respond")
    builder.add_conditional_edges("dispatch", fan_out, [*registry, "judge"])
    builder.add_conditional_edges("judge", after_judge)
    builder.add_edge("respond", END)
    return builder


graph = build(load_registry(load().specialists)).compile(name="supervisor")
