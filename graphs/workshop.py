"""Joins the rooms for one task: models, tools with the gate inside, people, other specialists."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from langchain_core.language_models import BaseChatModel
from langchain_core.tools import BaseTool
from langgraph.func import task as langgraph_task

from agents.intake import strange_inputs
from agents.record import Progress
from agents.routing.tenants import permitted
from agents.spec import Specialist
from agents.workshop import Decided, Delegated
from graphs.approval import ask_decision
from graphs.authority import as_json, asks_effects, authority_of
from graphs.services import Services
from graphs.state import Job, Outcome
from harness.authority import Authority
from harness.plan import Task
from ledger.approvals import Approval
from runtime.canonical import Json
from runtime.context import RunContext
from runtime.labels import Label
from tools.elicitation import Filled
from tools.gateway import ToolEvent

Delegate = Callable[[Job], Awaitable[Outcome]]
"""Runs a deep specialist on a job inside of the present graph."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceWorkshop:
    """The `Workshop` of a running process."""

    services: Services
    job: Job
    progress: Progress
    deep: Delegate | None = None

    def model(
        self,
        tier: Literal["work", "plan", "judge"],
        context: RunContext,
        avoid: frozenset[str] = frozenset(),
    ) -> BaseChatModel:
        return self.services.models.chat(tier, context, avoid=avoid)

    def tools(self, context: RunContext, names: Sequence[str]) -> Sequence[BaseTool]:
        known = [name for name in names if name in self.services.gateway.catalogue]
        return self.services.gateway.tools(context, known, ask=self._ask, report=self._report)

    def specialist(self, name: str) -> Specialist | None:
        return permitted(self.services.registry, self.services.routing, self.job["tenant"]).get(
            name
        )

    async def place(self, name: str, work: Callable[[], Awaitable[Json]]) -> Json:
        async def body(_: None) -> Json:
            return await work()

        named: Any = langgraph_task(name=name)
        return await named(body)(None)

    async def decide(self, question: Approval) -> Decided:
        said = await ask_decision(self.services.ledger, question)
        await self.services.ledger.approvals.answer(question.id, said.kind, by=said.by)
        return Decided(
            approved=said.kind == "approved", by=said.by, text=said.text, output=said.output
        )

    async def delegate(
        self,
        specialist: Specialist,
        task: Task,
        inputs: Mapping[str, Json],
        context: RunContext,
        authority: Authority,
    ) -> Delegated:
        assert self.deep is not None, "only plans have tasks of other deep specialists"
        # Below the task's own ceiling: that of the child's effort class.
        scope = f"{context.run}:{context.task}:plan"
        limits = authority.limits
        await self.services.ledger.budgets.open(scope, limits.dollars, limits.job_tokens)
        outcome = await self.deep(
            {
                **self.job,
                "task": context.task,
                "specialist": specialist.name,
                "text": task.objective,
                "upstream": {},
                "given": dict(inputs),
                "authority": as_json(authority),
                "asks_effects": context.asks_effects,
                "strange": list(context.strange),
                "scopes": [*context.scopes, scope],
            }
        )
        missing = tuple(outcome["missing"])
        if outcome["status"] != "done" and not missing:
            missing = (outcome["text"],)
        return Delegated(output=_handed_up(task, outcome), missing=missing)

    async def _ask(self, approval: Approval) -> Literal["approved", "refused"] | Filled:
        said = await ask_decision(self.services.ledger, approval)
        if approval.kind == "elicitation" and said.output is not None:
            return Filled(content=said.output)
        return said.kind

    def _report(self, event: ToolEvent) -> None:
        told: dict[str, Json] = {"task": event.task, "tool": event.tool, "phase": event.phase}
        if event.phase == "progress":
            told |= {"share": event.share, "message": event.message}
        self.progress({"event": "tool", **told})


def _handed_up(task: Task, outcome: Outcome) -> Json:
    """The child's outputs as the result of the parent's task, with their evidence if it is due."""
    outputs = dict(outcome["outputs"] or {})
    if "evidence" in task.output.get("required", ()):
        outputs.setdefault("evidence", outcome["evidence"])
    return outputs


def context_of(services: Services, job: Job) -> RunContext:
    """The identity under which a job's calls are made."""
    return RunContext(
        run=job["run"],
        tenant=job["tenant"],
        user=job["user"],
        label=Label(job["label"]),
        docs=job["docs"],
        specialist=job["specialist"],
        task=job["task"],
        tools=authority_of(services, job).tools,
        strange=_strange(services, job),
        asks_effects=asks_effects(services, job),
        scopes=tuple(job.get("scopes", ())),
    )


def _strange(services: Services, job: Job) -> tuple[str, ...]:
    """Texts of strangers among what the job was given, and what its parents were."""
    specialist = services.registry.require(job["specialist"])
    own = strange_inputs(specialist, job["text"], job.get("given"))
    return tuple(dict.fromkeys((*job.get("strange", ()), *own)))
