"""The deep harness as a graph: plan, check, approve, execute, replan, synthesise, conclude."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

from langchain_core.messages import AIMessage
from langgraph.config import get_stream_writer
from langgraph.graph import END, START, StateGraph

from agents.compose import compose
from agents.planner import Unfinished
from graphs.authority import authority_of, with_budget
from graphs.costs import estimate_of, objection
from graphs.held import when_open
from graphs.planning import composed, draw, faults, inputs_of, redraw
from graphs.plans import announce, done_or_refused, keep_plan, what_is_left
from graphs.request import discreet, job_from
from graphs.services import services
from graphs.signing import sign
from graphs.solo import carry_out
from graphs.state import (
    NO_JOB,
    DeepState,
    Job,
    Outcome,
    RequestContext,
    Status,
    SupervisorInput,
    no_outcome,
)
from graphs.thread_view import WORKERS
from harness.merge import merged
from harness.plan import Plan
from runtime.canonical import Json, digest
from runtime.errors import PlanRejected, RequestError, RunCancelled, SwitchyardError, UserError


async def plan(state: DeepState) -> DeepState:
    """Take the declared inputs, then the plan on record, the author's, or one of tier `plan`.

    A plan that was drawn with `objections` is the one round of repair.
    """
    objections = state.get("objections", [])
    update: DeepState = {"objections": [], "repaired": bool(objections)}
    if "job" in state and (objections or not state.get("own_run")):
        return {**update, **await _planned(state["job"], state, objections)}
    # Called by itself: open a run for the last message, and forget what an earlier one left.
    update |= {"own_run": True, "outcome": None, "replans": 0, "cancelled": "", "used": 0.0}
    update["messages"] = discreet(services(), state.get("messages", []))
    try:
        job = await job_from(services(), state.get("messages", []))
    except RequestError as error:
        return {**update, "job": NO_JOB, "outcome": no_outcome(NO_JOB, "rejected", str(error))}
    job = await with_budget(services(), job)
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
    """Refuse a plan that cannot work, before anything is spent; store the one that can.

    Tasks that would do the same are merged first.
    """
    if state.get("outcome") or state.get("objections"):
        return {}
    opened, job = services(), state["job"]
    specialist = opened.registry.require(job["specialist"])
    drawn = merged(Plan.model_validate(state["plan"])).plan
    wrong = await asyncio.to_thread(faults, opened, job, specialist, state["inputs"], drawn)
    if not wrong:
        estimated = estimate_of(opened, job, state["inputs"], drawn)
        wrong = await objection(opened, job, estimated)
    by = specialist.plan.by if specialist.plan else "spec"
    if not wrong:
        kept = await keep_plan(opened, job, drawn, drawn_by=by)
        announce(job, drawn, estimated)
        return {"plan": kept}
    if state.get("repaired") or by == "spec":
        return {"outcome": no_outcome(job, "failed", str(PlanRejected(specialist.name, wrong)))}
    return {"objections": list(wrong)}


def after_check(state: DeepState) -> Literal["plan", "approve", "conclude"]:
    """One round of repair with the exact problems, otherwise onwards or out."""
    if state.get("outcome"):
        return "conclude"
    return "plan" if state.get("objections") else "approve"


async def approve(state: DeepState) -> DeepState:
    """Where the specialist asks for it, a person signs the plan, as it is or with edits."""
    opened, job = services(), state["job"]
    specialist = opened.registry.require(job["specialist"])
    if specialist.approval != "plan":
        return {}
    signed = await sign(
        opened, job, specialist, state["inputs"], Plan.model_validate(state["plan"])
    )
    if signed.plan is None and state.get("replans"):
        # A new plan was refused: what the old one gave stands.
        return {"redrawn": False}
    if signed.plan is None:
        why = f"The plan was refused by {signed.by}; nothing was executed."
        return {"outcome": no_outcome(job, "declined", why)}
    return {"plan": signed.plan}


def after_approve(state: DeepState) -> Literal["execute", "synthesise", "conclude"]:
    """Execute what was not refused."""
    if state.get("outcome"):
        return "conclude"
    return "synthesise" if state.get("replans") and not state["redrawn"] else "execute"


async def execute(state: DeepState) -> DeepState:
    """Run the plan as dataflow; see `graphs/execute.py`. One worker does a plan that needs none
    other; see `harness/solo.py`."""
    _ = WORKERS  # named here, where the library looks for what tells the workers' states
    opened, job = services(), state["job"]
    drawn = Plan.model_validate(state["plan"])
    clock = asyncio.get_running_loop().time
    began, used = clock(), state.get("used", 0.0)
    seconds = authority_of(opened, job).limits.seconds - used
    work = carry_out(
        opened, job, drawn, state["inputs"], delegate=_nested, seconds=max(0.0, seconds)
    )
    try:
        finished = await opened.holding.unless_cancelled(job["run"], work)
    except RunCancelled as cancelled:
        kept = await what_is_left(opened, job, drawn, cancelled)
        return {"cancelled": cancelled.by, "results": kept.results, "unfinished": kept.unfinished}
    return {
        "used": used + clock() - began,
        "blocked": list(finished.blocked),
        "results": finished.results,
        "unfinished": finished.unfinished,
        "solo": finished.solo,
    }


async def after_execute(state: DeepState) -> Literal["replan", "synthesise"]:
    """A new plan for what has no result, while the limits leave one.

    Never where a person said no, which no new plan may get round, nor where an unfinished task
    has changed the world: another task would do that again.
    """
    opened, job = services(), state["job"]
    specialist = opened.registry.require(job["specialist"])
    limits = authority_of(opened, job).limits
    if (
        not state["unfinished"]
        or state.get("cancelled")
        or specialist.plan is None
        or specialist.plan.by != "model"
        or state.get("replans", 0) >= limits.replans
        or state["used"] >= limits.seconds
        or await done_or_refused(opened, job, state["unfinished"])
    ):
        return "synthesise"
    return "replan"


async def replan(state: DeepState) -> DeepState:
    """Have the unfinished part planned anew; without a sound plan the old one stands."""
    opened, job = services(), state["job"]
    specialist = opened.registry.require(job["specialist"])
    update: DeepState = {"replans": state.get("replans", 0) + 1}
    recorded = await opened.ledger.tasks.plan(job["run"], job["task"])
    if recorded and recorded.digest != digest(state["plan"]):
        # The process was cut off after the new plan was kept.
        return {**update, "redrawn": True, "plan": recorded.plan}
    old = Plan.model_validate(state["plan"])
    unfinished = Unfinished(
        plan=old,
        inputs=state["inputs"],
        results=state["results"],
        # Objections quote what workers delivered, which may hold text from outside; a plan is made
        # from trusted words alone.
        reasons={
            id: "not begun" if id in state["blocked"] else "no result was accepted"
            for id in state["unfinished"]
        },
    )
    try:
        redrawn = await redraw(opened, job, specialist, unfinished)
    except SwitchyardError as error:
        # What is accepted is worth more than a new plan: the answer says what is missing.
        get_stream_writer()({"event": "replan", "dispatch": job["task"], "reason": str(error)})
        redrawn = None
    if redrawn is None:
        return {**update, "redrawn": False}
    kept = await keep_plan(opened, job, redrawn, drawn_by="replan")
    announce(job, redrawn, estimate_of(opened, job, state["inputs"], redrawn))
    return {**update, "redrawn": True, "plan": kept}


def after_replan(state: DeepState) -> Literal["approve", "synthesise"]:
    """A new plan goes the way of the first one; without one, answer with what there is."""
    return "approve" if state["redrawn"] else "synthesise"


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
        status=_status(state),
        text=compose(specialist.answer, {"request": state["inputs"], **outputs})
        if state["results"]
        else "No task had a result.",
        outputs=outputs,
        evidence=sorted({id for result in accepted for id in result.evidence}),
        missing=missing,
        judgement=None,
    )
    return {"outcome": outcome}


def _status(state: DeepState) -> Status:
    if state.get("cancelled"):
        return "cancelled"
    return "incomplete" if state["unfinished"] else "done"


async def conclude(state: DeepState) -> DeepState:
    """Say the answer; close the run where the deep graph was called by itself."""
    outcome = state["outcome"]
    assert outcome is not None, "every way to this node leaves an outcome"
    if state.get("own_run") and state["job"]["run"]:
        await services().ledger.runs.finish(state["job"]["run"], outcome["status"], dict(outcome))
    return {"messages": [AIMessage(outcome["text"])]}


async def _nested(job: Job) -> Outcome:
    """Do one task of a plan by a plan of its own."""
    # Called without a config: the harness gets a stable place of its own below its task.
    state = await harness.ainvoke({"job": job})
    outcome: Outcome = state["outcome"]
    return outcome


Builder = StateGraph[DeepState, RequestContext, Any, DeepState]


def build(input_schema: type[Any] = SupervisorInput) -> Builder:
    """The deep harness, not yet compiled. `input_schema` says what its caller may set."""
    builder: Builder = StateGraph(
        DeepState, context_schema=RequestContext, input_schema=input_schema
    )
    for node in (plan, check, approve, execute, replan, synthesise, conclude):
        builder.add_node(node.__name__, when_open(node))
    builder.add_edge(START, "plan")
    builder.add_edge("plan", "check")
    builder.add_conditional_edges("check", after_check)
    builder.add_conditional_edges("approve", after_approve)
    builder.add_conditional_edges("execute", after_execute)
    builder.add_conditional_edges("replan", after_replan)
    builder.add_edge("synthesise", "conclude")
    builder.add_edge("conclude", END)
    return builder


graph = build().compile(name="deep")
"""For callers: messages only. A job names run, user and label, which are not theirs to set."""

harness = build(DeepState).compile(name="deep")
"""For the supervisor, which hands a job over."""
