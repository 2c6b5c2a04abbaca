"""One task from its inputs to an accepted result: brief, work, verify, and the ladder.

What is accepted here is committed to the ledger before it is returned, under the run, the task
and a digest of its inputs; what is on record already is neither done nor tried again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from agents.inspection import Inspected, Verifier, inspect
from agents.known import Known
from agents.record import Progress, Record
from agents.spec import Specialist
from agents.worker import Attempt, brief, work
from agents.workshop import Decided, Workshop
from harness.authority import Authority
from harness.ladder import Step, after_rejection
from harness.limits import Limits
from harness.plan import Task
from harness.schemas import violations
from ledger.store import Ledger
from runtime.canonical import Json, digest
from runtime.context import RunContext
from runtime.errors import TaskFailed

_STATES: Mapping[str, Literal["retrying", "escalated", "failed"]] = {
    "retry": "retrying",
    "escalate": "escalated",
    "hand_over": "escalated",
    "ask": "escalated",
    "fail": "failed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One task of one run, with everything that its attempts have in common."""

    task: Task
    specialist: Specialist
    """Whose workers do it."""
    context: RunContext
    limits: Limits
    ledger: Ledger
    workshop: Workshop
    progress: Progress
    known: Known = field(default_factory=Known)
    authority: Authority | None = None
    """What a deep specialist that does the task may use; None where none does."""
    verifier: Verifier | None = None
    """Stands in for the task's own checks where one worker does several tasks."""

    async def settle(self, inputs: Mapping[str, Json]) -> Json:
        """The accepted output for these inputs, from the ledger or by work.

        Raises:
            TaskFailed: the ladder ended without a result; the ledger holds each reason.
        """
        key = key_of(self.task, inputs)
        done = self.known.result(self.context.task, key)
        if done:
            self.record.tell("accepted", "on record", attempt=done.attempt)
            return done.output
        return await _Climb(self, inputs, key).to_the_end()

    @property
    def record(self) -> Record:
        """Where the transitions of this task go."""
        return Record(
            ledger=self.ledger,
            run=self.context.run,
            task=self.context.task,
            specialist=self.specialist.name,
            progress=self.progress,
        )

    @property
    def delegated(self) -> bool:
        """Whether a deep specialist does the task by a plan of its own."""
        return self.authority is not None and self.specialist.kind == "deep"

    @property
    def other(self) -> Specialist | None:
        """The specialist to hand the task over to: one whose file lists every tool of it."""
        if self.delegated:
            return None
        one = self.workshop.specialist(self.specialist.escalation.to)
        if one is None:
            return None
        fits = set(self.task.tools) <= set(one.tools) and self.specialist.data.permits(one.data)
        return one if fits else None


def key_of(task: Task, inputs: Mapping[str, Json]) -> str:
    """Under what a result is stored beside its task's id: what the task is and was given."""
    return digest([task.model_dump(by_alias=True), dict(inputs)])


class _Climb:
    """The tries of one slot, each step a function of how the one before ended."""

    def __init__(self, slot: Slot, inputs: Mapping[str, Json], key: str) -> None:
        self._slot = slot
        self._inputs = inputs
        self._key = key
        self._past = slot.known.rejected.get(slot.context.task, ())
        self._before = slot.known.earlier.get(slot.context.task, 0)
        self._tried = 0
        self._asked = 0
        self._rejected: tuple[str, ...] = ()
        self._advice = ""

    async def to_the_end(self) -> Json:
        """Try, verify, and take the next step until there is a result or no step left."""
        step = Step(action="retry")
        while step.action != "fail":
            if step.action == "ask":
                decided = await self._ask()
                if decided.approved and decided.output is not None:
                    return await self._take(decided)
                step = await self._advised(decided)
                continue
            self._tried += 1
            attempt, found = await self._try(step)
            if found.accepted:
                await self._accept(attempt.output, found)
                return attempt.output
            step = await self._reject(found)
        raise self._failed()

    def _failed(self) -> TaskFailed:
        context = self._slot.context
        return TaskFailed(context.run, context.task, "; ".join(self._rejected))

    @property
    def _number(self) -> int:
        return self._before + self._tried

    async def _try(self, step: Step) -> tuple[Attempt, Inspected]:
        """One attempt and what it is worth; of one that is on record as rejected, its reasons."""
        slot = self._slot
        past = self._past[self._tried - 1] if self._tried <= len(self._past) else None
        worker = (slot.other if step.action == "hand_over" else None) or slot.specialist
        context = replace(
            slot.context,
            specialist=worker.name,
            attempt=self._number,
            tools=slot.context.tools & frozenset(worker.tools),
            foreseen=frozenset(slot.task.tools),
            asks_effects=slot.context.asks_effects or worker.approval == "effects",
        )
        if past is None:
            first = "inputs accepted" if self._tried == 1 else f"attempt {self._number}"
            await slot.record.move("running", f"{first} on tier {step.tier}", attempt=self._number)
        attempt = await self._place(step, worker, context, on_record=past is not None)
        if past is not None:
            final = past.state == "failed"
            return attempt, Inspected(accepted=False, reasons=(past.reason,), final=final)
        if attempt.fault:
            wrong = (attempt.fault,)
            return attempt, Inspected(accepted=False, reasons=wrong, final=attempt.final)
        found = await inspect(
            slot.ledger,
            slot.workshop,
            slot.task,
            context,
            output=attempt.output,
            inputs=self._inputs,
            verifier=slot.verifier,
            below=slot.delegated,
        )
        # A plan within the plan would find its own accepted results, and give the same again.
        return attempt, replace(found, final=found.final or slot.delegated)

    async def _place(
        self, step: Step, worker: Specialist, context: RunContext, *, on_record: bool
    ) -> Attempt:
        """Each attempt after the first has a place of its own, which it takes also when it is on
        record: so the places of those after it stay the same."""

        async def once() -> Json:
            if on_record:
                return Attempt(fault="on record").as_json()
            return (await self._work(step, worker, context)).as_json()

        if self._tried == 1:
            return Attempt.of(await once())
        name = f"{self._slot.task.id}-{self._tried}"
        return Attempt.of(await self._slot.workshop.place(name, once))

    async def _work(self, step: Step, worker: Specialist, context: RunContext) -> Attempt:
        slot = self._slot
        if slot.delegated:
            assert slot.authority is not None, "a delegated task has one"
            made = await slot.workshop.delegate(
                worker, slot.task, self._inputs, context, slot.authority
            )
            # Its own ladder has tried what there was to try.
            missing = "; ".join(made.missing)
            return Attempt(output=made.output, fault=missing, final=bool(missing))
        return await work(
            slot.task,
            brief(slot.task, self._inputs, slot.limits, self._rejected, self._advice),
            specialist=worker,
            model=slot.workshop.model(step.tier, context),
            tools=slot.workshop.tools(context, slot.task.tools),
            limits=slot.limits,
            trace={
                "run": context.run,
                "specialist": worker.name,
                "task": context.task,
                "attempt": str(context.attempt),
                "tier": step.tier,
            },
        )

    async def _reject(self, found: Inspected) -> Step:
        slot = self._slot
        self._rejected = found.reasons
        step = Step(action="fail")
        if not found.final:
            step = after_rejection(
                self._tried, slot.limits, other=slot.other is not None, asked=self._asked
            )
        reason = "; ".join(found.reasons)
        await slot.record.move(_STATES[step.action], reason, attempt=self._number)
        return step

    async def _ask(self) -> Decided:
        """Put the task to a person: one more try with advice, a result of their own, or no."""
        slot = self._slot
        self._asked += 1
        made = [slot.context.run, slot.context.task, self._key, self._before, self._asked]
        question = await slot.ledger.approvals.ask(
            f"a-{digest(made)[:24]}",
            run=slot.context.run,
            task=slot.context.task,
            kind="task",
            question={
                "specialist": slot.specialist.name,
                "objective": slot.task.objective,
                "inputs": dict(self._inputs),
                "output": slot.task.output,
                "reasons": list(self._rejected),
            },
        )
        return await slot.workshop.decide(question)

    async def _advised(self, decided: Decided) -> Step:
        if decided.approved:
            self._advice = decided.text
            return Step(action="escalate", tier="plan")
        self._rejected = (*self._rejected, f"{decided.by} let it fail")
        await self._slot.record.move("failed", "; ".join(self._rejected), attempt=self._number)
        return Step(action="fail")

    async def _take(self, decided: Decided) -> Json:
        """A person's own result: held against the schema, since there are no calls behind it."""
        wrong = [error.message for error in violations(self._slot.task.output, decided.output)]
        if wrong:
            self._rejected = tuple(f"the result of {decided.by}: {one[:200]}" for one in wrong)
            await self._slot.record.move("failed", "; ".join(self._rejected), attempt=self._number)
            raise self._failed()
        note = f"the result was given by {decided.by}"
        await self._accept(decided.output, Inspected(accepted=True, note=note))
        return decided.output

    async def _accept(self, output: Json, found: Inspected) -> None:
        task = self._slot.task
        held = f"schema, evidence and {len(task.accept) + len(task.criteria)} criteria hold"
        await self._slot.record.accept(
            self._key, output, found.evidence, found.note or held, attempt=self._number
        )
