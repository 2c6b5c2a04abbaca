"""The last nodes: the answers are judged, joined, and given with evidence and cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from langchain_core.messages import AIMessage

from agents.judge import judge as judged
from graphs.answer import answer_of, saved_words
from graphs.cancelled import close_cancelled
from graphs.services import Services, services, services_when_open
from graphs.state import Answer, Outcome, Status, SupervisorState
from graphs.workshop import context_of
from models.frontier import frontier_of
from runtime.canonical import Json

_TITLE = 100
"""Characters of the heading of a part."""


async def judge(state: SupervisorState) -> SupervisorState:
    """Hold each finished answer against its specialist's success criteria.

    An answer below the bar goes back once, with the reasons, where the effort class allows it
    and nothing was done to the world that a second try would do again.
    """
    opened = services()
    outcomes: dict[str, Outcome] = {}
    route = dict(state["route"] or {})
    revised = False
    for id, outcome in (state.get("outcomes") or {}).items():
        if outcome["judgement"] is not None or outcome["status"] != "done":
            continue
        verdict = await _verdict(opened, state, outcome)
        outcomes[id] = {**outcome, "judgement": verdict}
        if verdict["verdict"] == "revise" and await _may_revise(opened, state, outcome):
            reasons = _reasons(opened, outcome, verdict)
            route["dispatches"] = [_sent_back(one, id, reasons) for one in route["dispatches"]]
            revised = True
    if not revised:
        return {"outcomes": outcomes}
    return {"outcomes": outcomes, "route": route, "revisions": state.get("revisions", 0) + 1}


def after_judge(state: SupervisorState) -> Literal["dispatch", "respond"]:
    """Back to the dispatches while one of them has no outcome yet."""
    done = state.get("outcomes") or {}
    open_ones = [one for one in (state["route"] or {})["dispatches"] if one["id"] not in done]
    return "dispatch" if open_ones else "respond"


async def respond(state: SupervisorState) -> SupervisorState:
    """Join the answers, add what it took, and close the run."""
    opened, run = await services_when_open(), state["job"]["run"]
    answer = await _answer(opened, state, run)
    return {"answer": answer, "messages": [AIMessage(_with_footer(answer))]}


async def _answer(opened: Services, state: SupervisorState, run: str) -> Answer:
    # What a model made up under a telling name was masked in no result before.
    outcomes: list[Outcome] = opened.gateway.masking.value(_current(state))
    row = await opened.ledger.runs.get(run)
    if row is not None and row.cancel_at is not None:
        return await close_cancelled(opened.ledger, run, outcomes)
    # A cancelled or refused run has no part to speak of.
    left_out = (state.get("route") or {}).get("left_out", ()) if outcomes else ()
    answer = await answer_of(
        opened.ledger,
        run,
        status=_status(outcomes, left_out),
        text=_joined(outcomes, (state.get("route") or {}).get("dispatches", ())),
        outcomes=outcomes,
        evidence=list(dict.fromkeys(id for one in outcomes for id in one["evidence"])),
        missing=[
            *(why for one in outcomes for why in one["missing"]),
            *(f"No specialist takes: {text}" for text in left_out),
        ],
        frontier=frontier_of(opened.models.config),
    )
    if row is None or await opened.ledger.runs.finish(run, answer["status"], dict(answer)):
        return answer
    # It ended before: it was cut off after that, or cancelled just now.
    ended = await opened.ledger.runs.get(run)
    kept: Answer = ended.answer if ended else answer
    return kept


async def _verdict(opened: Services, state: SupervisorState, outcome: Outcome) -> dict[str, Json]:
    specialist = opened.registry.require(outcome["specialist"])
    job = state["job"] | {"specialist": specialist.name, "task": f"{outcome['dispatch']}/judge"}
    dispatches = (state["route"] or {})["dispatches"]
    text = next(one["text"] for one in dispatches if one["id"] == outcome["dispatch"])
    calls = await opened.ledger.spend.of_run(state["job"]["run"])
    wrote = frozenset(call.deployment for call in calls if call.tier in ("work", "plan"))
    context = context_of(opened, job)
    verdict = await judged(
        specialist,
        text,
        outcome["text"],
        model=opened.models.chat("judge", context, avoid=wrote),
    )
    return verdict.model_dump(mode="json")


async def _may_revise(opened: Services, state: SupervisorState, outcome: Outcome) -> bool:
    specialist = opened.registry.require(outcome["specialist"])
    if state.get("revisions", 0) >= opened.limits.of(specialist.effort).revisions:
        return False
    effects = await opened.ledger.effects.of_run(state["job"]["run"])
    task = outcome["dispatch"]
    return not any(one.task == task or one.task.startswith(f"{task}/") for one in effects)


def _reasons(opened: Services, outcome: Outcome, verdict: dict[str, Json]) -> list[str]:
    """What an answer is sent back with. Reasons quote the answer, which may hold text from outside,
    and a planner plans from trusted words alone."""
    specialist = opened.registry.require(outcome["specialist"])
    if specialist.plan and specialist.plan.by == "model":
        return ["The answer was below the bar of the success criteria."]
    return list(verdict["reasons"])


def _sent_back(one: dict[str, Json], id: str, reasons: list[str]) -> dict[str, Json]:
    """The dispatch anew under its own id, with the judge's reasons; others now need the new one."""
    again = f"{id}-again"
    if one["id"] == id:
        listed = "\n".join(f"- {reason}" for reason in reasons)
        return one | {"id": again, "text": f"{one['text']}\n\nObjections to mend:\n{listed}"}
    return one | {"needs": [again if need == id else need for need in one["needs"]]}


def _current(state: SupervisorState) -> list[Outcome]:
    """The outcomes that count, in the order of the dispatches."""
    if refusal := state.get("refusal"):
        return [refusal]
    done = state.get("outcomes") or {}
    route = state.get("route") or {}
    ids = [one["id"] for one in route.get("dispatches", ())] or list(done)
    return [done[id] for id in ids if id in done]


def _status(outcomes: list[Outcome], left_out: Sequence[str]) -> Status:
    statuses = [one["status"] for one in outcomes]
    if len(set(statuses)) == 1 and not (left_out and statuses[0] == "done"):
        return statuses[0]
    return "incomplete"


def _joined(outcomes: list[Outcome], dispatches: Sequence[Json]) -> str:
    """One answer of several: each part under what was asked, with who answered and after whom."""
    if len(outcomes) == 1:
        return outcomes[0]["text"]
    place = {outcome["dispatch"]: number for number, outcome in enumerate(outcomes, start=1)}
    asked = {one["id"]: one for one in dispatches}
    parts = []
    for id, number, outcome in zip(place, place.values(), outcomes, strict=True):
        dispatch = asked.get(id, {"text": "", "needs": ()})
        notes = [outcome["specialist"]]
        after = [str(place[need]) for need in dispatch["needs"] if need in place]
        if after:
            notes.append(f"after {' and '.join(after)}")
        if outcome["status"] != "done":
            notes.append(outcome["status"])
        parts.append(
            f"**{number}. {_title(dispatch['text'])}** ({', '.join(notes)})\n\n{outcome['text']}"
        )
    return "\n\n".join(parts)


def _title(text: str) -> str:
    """The first line of what was asked; what goes on from it, or was objected, stands below."""
    line = text.strip().partition("\n")[0].strip()
    return line if len(line) <= _TITLE else line[: _TITLE - 1] + "…"


def _with_footer(answer: Answer) -> str:
    """The text of the answer and, in words, what it rests on, lacks and cost."""
    lines = [answer["text"]]
    if answer["missing"] and answer["status"] in ("incomplete", "cancelled"):
        lines.append("Missing:\n" + "\n".join(f"- {why}" for why in answer["missing"]))
    lines.extend(_judged_low(one) for one in answer["outcomes"] if _is_low(one))
    if answer["offline"]:
        lines.append("_Answered by the offline model: extracted from sources, not reasoned._")
    if answer["run"]:
        count, _, code = answer.get("audit", "").partition(":")
        reference = f" ({count}:{code[:16]})" if code else ""
        lines.append(
            f"_Run {answer['run']} · {answer['model_calls']} model calls, {answer['tokens']:,}"
            f" tokens, ${answer['cost']:.4f}{saved_words(answer)} · {answer['tool_calls']} tool"
            f" calls, evidence"
            f" {len(answer['evidence'])} · audit: switchyard runs show {answer['run']}"
            f"{reference}_"
        )
    return "\n\n".join(lines)


def _is_low(outcome: Outcome) -> bool:
    return bool(outcome["judgement"]) and outcome["judgement"]["verdict"] == "revise"


def _judged_low(outcome: Outcome) -> str:
    reasons = "; ".join(outcome["judgement"]["reasons"])
    return f"_The judge finds this answer below its bar: {reasons}_"
