"""Holds one attempt against the record: what was called, what came back, what the judge says.

Everything that needs no model comes first; the judge is asked only where the task has criteria in
words, and only about a result that is otherwise sound.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from agents.judge import judge_task
from agents.workshop import Workshop
from harness.checks import Facts, Observation
from harness.plan import Task
from harness.verify import Verdict, verify
from ledger.calls import ToolCall
from ledger.store import Ledger
from runtime.canonical import Json
from runtime.context import RunContext

Verifier = Callable[[Facts], Verdict]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspected:
    """Whether an output may stand, and why not."""

    accepted: bool
    reasons: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    final: bool = False
    """No other attempt can help."""
    note: str = ""
    """What could not be checked, for the record."""


async def inspect(
    ledger: Ledger,
    workshop: Workshop,
    task: Task,
    context: RunContext,
    *,
    output: Json,
    inputs: Mapping[str, Json],
    verifier: Verifier | None = None,
    below: bool = False,
) -> Inspected:
    """What the output of the attempt that `context` names is worth.

    Args:
        verifier: Stands in for the task's own checks where one worker did several tasks.
        below: The task was done by a plan of its own: the calls of its tasks count.
    """
    calls = await _calls(ledger, task, context, below=below)
    seen = [await _observation(ledger, call) for call in calls]
    files = await _files(ledger, context.run) if _has_artifacts(output) else {}
    facts = Facts(output=output, inputs=inputs, observations=seen, files=files)
    verdict = verifier(facts) if verifier else verify(task, facts)
    if verdict.action == "accept":
        found = Inspected(accepted=True, evidence=verdict.evidence)
        return await _judged(ledger, workshop, task, context, output, found)
    refused = sorted({call.tool for call in calls if call.outcome == "refused"})
    if refused:
        # A person's no is final: no other attempt may try to get round it.
        why = f"a person refused {', '.join(refused)}"
        return Inspected(accepted=False, reasons=(why,), final=True)
    return Inspected(accepted=False, reasons=verdict.reasons)


async def _judged(
    ledger: Ledger,
    workshop: Workshop,
    task: Task,
    context: RunContext,
    output: Json,
    sound: Inspected,
) -> Inspected:
    if not task.criteria:
        return sound
    wrote = await ledger.spend.writers(context.run, context.task)
    model = workshop.model("judge", context, avoid=wrote)
    judgement = await judge_task(task, output, model=model)
    if judgement.verdict == "revise":
        return Inspected(accepted=False, reasons=judgement.reasons)
    note = "" if judgement.verdict == "accept" else f"not judged: {'; '.join(judgement.reasons)}"
    if judgement.self_judged:
        note = "self_judged: no deployment but the one that wrote it is cleared to judge"
    return Inspected(accepted=True, evidence=sound.evidence, note=note)


async def _files(ledger: Ledger, run: str) -> dict[str, str]:
    return {file.path: file.digest for file in await ledger.files.latest(run)}


async def _calls(ledger: Ledger, task: Task, context: RunContext, *, below: bool) -> list[ToolCall]:
    if below:
        prefix = f"{context.task}/"
        made = await ledger.calls.of_run(context.run)
        return [call for call in made if call.task.startswith(prefix)]
    if not task.tools:
        # Nobody could call anything; what it cites all the same is held to be invented.
        return []
    made = await ledger.calls.of_task(context.run, context.task)
    return [call for call in made if call.attempt == context.attempt]


async def _observation(ledger: Ledger, call: ToolCall) -> Observation:
    content = await ledger.exchanges.content(call.result) if call.result else None
    recorded = json.loads(content) if content else None
    return Observation(id=call.id, tool=call.tool, ok=call.outcome == "ok", data=_as_data(recorded))


def _as_data(recorded: Any) -> Json:  # noqa: ANN401 - whatever a tool returned
    """The data of a recorded tool result; text that is JSON counts as data."""
    if isinstance(recorded, dict) and set(recorded) <= {"text", "data", "error"}:
        recorded = recorded["data"] if recorded.get("data") is not None else recorded.get("text")
    if isinstance(recorded, str):
        try:
            return json.loads(recorded)
        except ValueError:
            return recorded
    return recorded


def _has_artifacts(value: Json) -> bool:
    if isinstance(value, dict):
        return "artifacts" in value or any(_has_artifacts(one) for one in value.values())
    return isinstance(value, list) and any(_has_artifacts(one) for one in value)
