"""One task from its inputs to an accepted result: brief, work, verify, and the ladder.

What is accepted here is committed to the ledger before it is returned, under the run, the task
and a digest of its inputs; a slot that starts looks there first.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

from langchain_core.language_models import BaseChatModel
from langchain_core.tools import BaseTool

from agents.spec import Specialist
from agents.worker import Attempt, brief, work
from harness.checks import Facts, Observation
from harness.ladder import Step, after_rejection
from harness.limits import Limits
from harness.plan import Task
from harness.verify import Verdict, verify
from ledger.calls import ToolCall
from ledger.store import Ledger
from runtime.canonical import Json, digest
from runtime.context import RunContext
from runtime.errors import TaskFailed

RESULT_VERSION = 1
"""Version of the form in which results are stored."""

Progress = Callable[[dict[str, Json]], None]
"""Receives one JSON object per event of a task; what it does with it is its own business."""


class Workshop(Protocol):
    """What a slot needs from the outside: a model of a tier, and tools for a task."""

    def model(self, tier: Literal["work", "plan"], context: RunContext) -> BaseChatModel: ...

    def tools(self, context: RunContext, names: Sequence[str]) -> Sequence[BaseTool]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One task of one run, with everything that its attempts have in common."""

    task: Task
    specialist: Specialist
    context: RunContext
    limits: Limits
    ledger: Ledger
    workshop: Workshop
    progress: Progress

    async def settle(self, inputs: Mapping[str, Json]) -> Json:
        """The accepted output for these inputs, from the ledger or by work.

        Raises:
            TaskFailed: every attempt was rejected; the ledger holds each reason.
        """
        key = digest([self.task.model_dump(by_alias=True), dict(inputs)])
        done = await self.ledger.tasks.result(self.context.run, self.context.task, key)
        if done:
            self._tell("accepted", "on record", attempt=done.attempt)
            return done.output
        return await self._attempts(inputs, key)

    async def _attempts(self, inputs: Mapping[str, Json], key: str) -> Json:
        rejected: tuple[str, ...] = ()
        step = Step(action="retry")
        number = 0
        while step.action != "fail":
            number += 1
            attempt, verdict = await self._try(inputs, number, step, rejected)
            if verdict.action == "accept":
                await self._accept(key, number, attempt, verdict)
                return attempt.output
            rejected = verdict.reasons
            step = Step(action="fail") if attempt.final else after_rejection(number, self.limits)
            await self._rejected(number, step, rejected)
        raise TaskFailed(self.context.run, self.context.task, "; ".join(rejected))

    async def _try(
        self, inputs: Mapping[str, Json], number: int, step: Step, rejected: Sequence[str]
    ) -> tuple[Attempt, Verdict]:
        context = self._at(number)
        reason = "inputs accepted" if number == 1 else f"attempt {number} on tier {step.tier}"
        await self._move("running", reason, number)
        attempt = await work(
            self.task,
            brief(self.task, inputs, self.limits, rejected),
            specialist=self.specialist,
            model=self.workshop.model(step.tier, context),
            tools=self.workshop.tools(context, self.task.tools),
            limits=self.limits,
            trace={
                "run": context.run,
                "specialist": self.specialist.name,
                "task": context.task,
                "attempt": str(number),
                "tier": step.tier,
            },
        )
        if attempt.fault:
            return attempt, Verdict(action="retry", reasons=(attempt.fault,))
        calls = await self.ledger.calls.of_task(self.context.run, self.context.task)
        made = [call for call in calls if call.attempt == number]
        observations = [await self._observation(call) for call in made]
        verdict = verify(
            self.task, Facts(output=attempt.output, inputs=inputs, observations=observations)
        )
        refused = sorted({call.tool for call in made if call.outcome == "refused"})
        if verdict.action == "retry" and refused:
            # A person's no is final: no other attempt may try to get round it.
            why = f"a person refused {', '.join(refused)}"
            return replace(attempt, final=True), Verdict(action="retry", reasons=(why,))
        return attempt, verdict

    async def _observation(self, call: ToolCall) -> Observation:
        content = await self.ledger.exchanges.content(call.result) if call.result else None
        recorded = json.loads(content) if content else None
        return Observation(
            id=call.id, tool=call.tool, ok=call.outcome == "ok", data=_as_data(recorded)
        )

    async def _accept(self, key: str, number: int, attempt: Attempt, verdict: Verdict) -> None:
        reason = f"schema, evidence and {len(self.task.accept)} criteria hold"
        await self.ledger.tasks.accept(
            self.context.run,
            self.context.task,
            inputs=key,
            attempt=number,
            output=attempt.output,
            evidence=list(verdict.evidence),
            reason=reason,
            specialist=self.specialist.name,
            schema_version=RESULT_VERSION,
        )
        await self._spent()
        self._tell("accepted", reason, attempt=number)

    async def _rejected(self, number: int, step: Step, reasons: tuple[str, ...]) -> None:
        state: Literal["retrying", "escalated", "failed"] = (
            "failed"
            if step.action == "fail"
            else ("escalated" if step.action == "escalate" else "retrying")
        )
        await self._move(state, "; ".join(reasons), number)
        await self._spent()

    async def _move(
        self,
        state: Literal["running", "retrying", "escalated", "failed"],
        reason: str,
        number: int,
    ) -> None:
        await self.ledger.tasks.move(
            self.context.run,
            self.context.task,
            state,
            reason=reason,
            specialist=self.specialist.name,
            attempt=number,
        )
        self._tell(state, reason, attempt=number)

    async def _spent(self) -> None:
        total = await self.ledger.spend.total(self.context.run)
        self.progress(
            {
                "event": "spend",
                "calls": total.calls,
                "tokens": total.prompt_tokens + total.completion_tokens,
                "cost": total.cost,
            }
        )

    def _at(self, number: int) -> RunContext:
        return self.context.at(
            task=self.context.task, attempt=number, foreseen=frozenset(self.task.tools)
        )

    def _tell(self, state: str, reason: str, *, attempt: int) -> None:
        self.progress(
            {
                "event": "task",
                "task": self.context.task,
                "state": state,
                "reason": reason[:500],
                "attempt": attempt,
            }
        )


def _as_data(recorded: Any) -> Json:  # noqa: ANN401 - whatever a tool returned
    """The data of a recorded tool result; text that is JSON counts as data."""
    if isinstance(recorded, dict) and set(recorded) <= {"text", "data"}:
        recorded = recorded["data"] if recorded.get("data") is not None else recorded.get("text")
    if isinstance(recorded, str):
        try:
            return json.loads(recorded)
        except ValueError:
            return recorded
    return recorded
