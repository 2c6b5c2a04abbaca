"""The deep harness as a graph: plan, check, approve, execute, synthesise, conclude."""

from __future__ import annotations

from typing import Any, Literal

from langchain_core.messages import AIMessage
from langgraph.config import get_stream_writer
from langgraph.graph import END, START, StateGraph

from agents.compose import compose
from graphs.approval import ask_person
from graphs.execute import execute_plan
from graphs.planning import composed, draw, faults, inputs_of
from graphs.request import job_from
from graphs.services import services
from graphs.state import (
    NO_JOB,
    DeepState,
    Job,
    Outcome,
    RequestContext,
    SupervisorInput,
    no_outcome,
)
from harness.plan import Plan
from runtime.canonical import Json, digest
from runtime.errors import PlanRejected, RequestError, SwitchyardError, UserError


async def plan(state: DeepState) -> DeepState:
    """Take the declared inputs, then the plan on record, the author's, or one of tier `plan`.

    A plan that was drawn with `objections` is the one round of repair.
    """
    objections = state.get("objections", [])
    update: DeepState = {"objections": [], "repaired": bool(objections)}
    if "job" in state and (objections or not state.get("own_run")):
        return {**update, **await _planned(state["job"], state, objections)}
    # Called by itself: open a run for the last message, and forget what an earlier one left.
    update |= {"own_run": True, "outcome": None}
    try:
        job = await job_from(services(), state.get("messages", []))
    except RequestError as error:
        return {**update, "job": NO_JOB, "outcome": no_outcome(NO_JOB, "rejected", str(error))}
    return {**update, "job": job, **await _planned(job, {}, objections)}


async def _planned(job: Job, state: DeepState, objections: list[str]) -> DeepState:
    opened = services()
    inputs: dict[str, Json] = state.get("inputs", {})
    try:
        specialist = opened.registry.require(job["specialist"])
        await opened.ledger.runs.raise_label(job["run"], specialist.data)
        inputs = inputs or await inputs_of(opened, job, specialist)
        recorded = await opened.ledger.tasks.plan(job["run"], job["task"])
        drawn = (
            Plan.model_validate(recorded.plan)
            if recorded
            else await draw(opened, job, specialist, inputs, objections)
        )
    except PlanRejected as error:
        if objections:
            return {"inputs": inputs, "outcome": no_outcome(job, "failed", str(error))}
        return {"inputs": inputs, "objections": list(error.problems)}
    except UserError as error:
        return {"outcome": no_outcome(job, "rejected", str(error))}
    except SwitchyardError as error:
        return {"outcome": no_outcome(job, "failed", str(error))}
    return {"inputs": inputs, "plan": drawn.model_dump(by_alias=True, mode="json")}


async def check(state: DeepState) -> DeepState:
    """Refuse a plan that cannot work, before anything is spent; store the one that can."""
    if state.get("outcome") or state.get("objections"):
        return {}
    opened, job = services(), state["job"]
    drawn = Plan.model_validate(state["plan"])
    specialist = opened.registry.require(job["specialist"])
    wrong = faults(opened, job, specialist, state["inputs"], drawn)
    if not wrong:
        await opened.ledger.tasks.store_plan(
            job["run"], job["task"], specialist.name, state["plan"]
        )
        _announce(job, drawn)
        return {}
    if state.get("repaired") or (specialist.plan and specialist.plan.by == "spec"):
        return {"outcome": no_outcome(job, "failed", str(PlanRejected(specialist.name, wrong)))}
    return {"objections": list(wrong)}


def after_check(state: DeepState) -> Literal["plan", "approve", "conclude"]:
    """One round of repair with the exact problems, otherwise onwards or out."""
    if state.get("outcome"):
        return "conclude"
    return "plan" if state.get("objections") else "approve"


async def approve(state: DeepState) -> DeepState:
    """Where the specialist asks for it, a person signs the plan."""
    opened, job = services(), state["job"]
    specialist = opened.registry.require(job["specialist"])
    if specialist.approval != "plan":
        return {}
    id = "a-" + digest([job["run"], job["task"], state["plan"]])[:12]
    question = {"specialist": specialist.name, "plan": state["plan"]}
    asked = await opened.ledger.approvals.ask(
        id, run=job["run"], task=job["task"], kind="plan", question=question
    )
    if asked.state == "pending":
        decision = await ask_person(opened.ledger, asked)
        await opened.ledger.approvals.answer(id, decision, by=job["user"])
        asked = await opened.ledger.approvals.get(id) or asked
    if asked.state == "approved":
        return {}
    why = f"The plan was refused by {asked.answered_by}; nothing was executed."
    return {"outcome": no_outcome(job, "declined", why)}


def after_approve(state: DeepState) -> Literal["execute", "conclude"]:
    """Execute what was not refused."""
    return "conclude" if state.get("outcome") else "execute"


async def execute(state: DeepState) -> DeepState:
    """Run the plan as dataflow; see `graphs/execute.py`."""
    finished = await execute_plan(
        services(), state["job"], Plan.model_validate(state["plan"]), state["inputs"]
    )
    return {"results": finished.results, "unfinished": finished.unfinished}


async def synthesise(state: DeepState) -> DeepState:
    """Compose the answer from accepted results only, with their evidence and what is missing."""
    opened, job = services(), state["job"]
    specialist = opened.registry.require(job["specialist"])
    drawn = Plan.model_validate(state["plan"])
    outputs = composed(specialist, drawn, state["inputs"], state["results"])
    missing = [f"{id}: {reason}" for id, reason in sorted(state["unfinished"].items())]
    accepted = await opened.ledger.tasks.results_of(job["run"], job["task"])
    outcome = Outcome(
        dispatch=job["task"],
        specialist=specialist.name,
        status="incomplete" if missing else "done",
        text=compose(specialist.answer, {"request": state["inputs"], **outputs})
        if state["results"]
        else "No task had a result.",
        outputs=outputs,
        evidence=sorted({id for result in accepted for id in result.evidence}),
        missing=missing,
        judgement=None,
    )
    return {"outcome": outcome}


async def conclude(state: DeepState) -> DeepState:
    """Say the answer; close the run where the deep graph was called by itself."""
    outcome = state["outcome"]
    assert outcome is not None, "every way to this node leaves an outcome"
    if state.get("own_run") and state["job"]["run"]:
        await services().ledger.runs.finish(state["job"]["run"], outcome["status"], dict(outcome))
    return {"messages": [AIMessage(outcome["text"])]}


def _announce(job: Job, drawn: Plan) -> None:
    """Tell whoever listens what the plan is."""
    get_stream_writer()(
        {
            "event": "plan",
            "dispatch": job["task"],
            "specialist": job["specialist"],
            "tasks": [
                {
                    "id": f"{job['task']}/{task.id}",
                    "objective": task.objective[:200],
                    "parents": [f"{job['task']}/{id}" for id in drawn.parents(task)],
                    "group": task.group,
                }
                for task in drawn.tasks
            ],
        }
    )


Builder = StateGraph[DeepState, RequestContext, Any, DeepState]


def build(input_schema: type[Any] = SupervisorInput) -> Builder:
    """The deep harness, not yet compiled. `input_schema` says what its caller may set."""
    builder: Builder = StateGraph(
        DeepState, context_schema=RequestContext, input_schema=input_schema
    )
    for node in (plan, check, approve, execute, synthesise, conclude):
        builder.add_node(node.__name__, node)
    builder.add_edge(START, "plan")
    builder.add_edge("plan", "check")
    builder.add_conditional_edges("check", after_check)
    builder.add_conditional_edges("approve", after_approve)
    builder.add_edge("execute", "synthesise")
    builder.add_edge("synthesise", "conclude")
    builder.add_edge("conclude", END)
    return builder


graph = build().compile(name="deep")
"""For callers: messages only. A job names run, user and label, which are not theirs to set."""

harness = build(DeepState).compile(name="deep")
"""For the supervisor, which hands a job over."""
