"""Joins the rooms for one task: the model of a tier, and its tools with the gate inside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from langchain_core.language_models import BaseChatModel
from langchain_core.tools import BaseTool

from agents.slot import Progress
from graphs.approval import ask_person
from graphs.services import Services
from graphs.state import Job
from ledger.approvals import Approval
from runtime.context import RunContext
from runtime.labels import Label
from tools.gateway import ToolEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceWorkshop:
    """The `Workshop` of a running process."""

    services: Services
    progress: Progress

    def model(self, tier: Literal["work", "plan"], context: RunContext) -> BaseChatModel:
        return self.services.models.chat(tier, context)

    def tools(self, context: RunContext, names: Sequence[str]) -> Sequence[BaseTool]:
        known = [name for name in names if name in self.services.gateway.catalogue]
        return self.services.gateway.tools(context, known, ask=self._ask, report=self._report)

    async def _ask(self, approval: Approval) -> Literal["approved", "refused"]:
        return await ask_person(self.services.ledger, approval)

    def _report(self, event: ToolEvent) -> None:
        self.progress(
            {"event": "tool", "task": event.task, "tool": event.tool, "phase": event.phase}
        )


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
        tools=frozenset(services.registry.require(job["specialist"]).tools),
    )
