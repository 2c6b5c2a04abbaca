"""One attempt at one task: a curated brief goes in, a typed output comes out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import HumanMessage
from langchain_core.tools import BaseTool

from agents.bounds import READ_ON, Hands, limit_reached
from agents.loop import Listing, loop_of
from agents.prompts import render
from agents.spec import Specialist
from harness.limits import Limits
from harness.plan import Task
from runtime.canonical import Json, canonical
from runtime.errors import BoundaryBreach, LimitBreached, ModelFault, ModelUnavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What came of one try. `fault` is empty when there is an output to verify."""

    output: Json = None
    fault: str = ""
    final: bool = False
    """True when no further attempt can help: a limit or a boundary ended it."""

    def as_json(self) -> Json:
        """As it is kept in a checkpoint."""
        return {"output": self.output, "fault": self.fault, "final": self.final}

    @classmethod
    def of(cls, kept: Json) -> Attempt:
        """What `as_json` kept."""
        return cls(output=kept["output"], fault=kept["fault"], final=kept["final"])


def brief(
    task: Task,
    inputs: Mapping[str, Json],
    limits: Limits,
    rejected: Sequence[str] = (),
    advice: str = "",
) -> str:
    """Exactly what a worker receives: objective, declared inputs, boundaries, and, after a try
    that was not accepted, the objections and what a person advised."""
    text = render(
        "brief",
        objective=task.objective,
        inputs=json.dumps(inputs, ensure_ascii=False),
        tool_calls=str(limits.tool_calls),
    )
    if rejected:
        text += "\n\n## Rejected\n" + "\n".join(f"- {reason}" for reason in rejected)
    if advice:
        text += f"\n\n## Advice\n{advice}"
    return text


def instructions(specialist: Specialist) -> str:
    """The system prompt of a specialist's workers."""
    return render(
        "worker",
        specialist=specialist.name,
        instructions=specialist.instructions,
        guardrails="\n".join(f"- {rule}" for rule in specialist.guardrails),
    )


async def work(
    task: Task,
    text: str,
    *,
    specialist: Specialist,
    model: BaseChatModel,
    tools: Sequence[BaseTool],
    limits: Limits,
    trace: Mapping[str, str],
) -> Attempt:
    """Run one agent loop over the brief `text`. `trace` is the metadata of its trace.

    Called without a thread of its own: so the loop gets a stable place in the checkpoint, resumes
    in the middle, and can be interrupted. Interrupts pass through.
    """
    agent = loop_of(
        specialist.name,
        instructions(specialist),
        canonical(task.output),
        tuple(Listing.of(tool) for tool in tools),
        limits,
        READ_ON not in task.tools,
    ).with_config(run_name=task.id, metadata=dict(trace))
    hands = Hands(model=model, tools={tool.name: tool for tool in tools})
    try:
        async with asyncio.timeout(limits.task_seconds):
            state = await agent.ainvoke({"messages": [HumanMessage(text)]}, context=hands)
    except TimeoutError:
        return Attempt(fault=f"limit 'task_seconds' of {limits.task_seconds:g} s was reached")
    except (ModelFault, ModelUnavailable) as error:
        return Attempt(fault=str(error))
    except (LimitBreached, BoundaryBreach) as error:
        return Attempt(fault=str(error), final=True)
    if "structured_response" not in state:
        reached = limit_reached(state["messages"])
        return Attempt(fault=reached or "the worker stopped without delivering a result")
    return Attempt(output=state["structured_response"])
