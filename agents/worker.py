"""One attempt at one task: a curated brief goes in, a typed output comes out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain.agents import create_agent
from langchain.agents.middleware import (
    AgentMiddleware,
    ModelCallLimitMiddleware,
    ToolCallLimitMiddleware,
)
from langchain.agents.structured_output import MultipleStructuredOutputsError, ToolStrategy
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import HumanMessage
from langchain_core.tools import BaseTool

from agents.loop_guard import LoopGuard
from agents.prompts import render
from agents.spec import Specialist
from harness.limits import Limits
from harness.plan import Task
from runtime.canonical import Json
from runtime.errors import BoundaryBreach, LimitBreached, ModelFault, ModelUnavailable

DELIVER = "deliver"
"""Name of the tool by which a worker hands over its result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What came of one try. `fault` is empty when there is an output to verify."""

    output: Json = None
    fault: str = ""
    final: bool = False
    """True when no further attempt can help: a limit or a boundary ended it."""


def brief(task: Task, inputs: Mapping[str, Json], limits: Limits, rejected: Sequence[str]) -> str:
    """Exactly what a worker receives: objective, declared inputs, boundaries, and objections."""
    text = render(
        "brief",
        objective=task.objective,
        inputs=json.dumps(inputs, ensure_ascii=False, indent=1),
        tools=", ".join(task.tools) or "none",
        tool_calls=str(limits.tool_calls),
    )
    if not rejected:
        return text
    return text + "\n\n## Rejected\n" + "\n".join(f"- {reason}" for reason in rejected)


def instructions(specialist: Specialist) -> str:
    """The system prompt of a specialist's workers."""
    return render(
        "worker",
        specialist=specialist.name,
        instructions=specialist.instructions,
        guardrails="\n".join(f"- {rule}" for rule in specialist.guardrails)
        or "- None beyond these.",
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

    Called without a config: so the loop gets a stable place of its own in the checkpoint, resumes
    in the middle, and can be interrupted. Interrupts pass through.
    """
    # Limits of the thread, not of the run: a pause or a crash must not start the count anew. Each
    # attempt has a place of its own in the checkpoint, and so a count of its own.
    guards: list[AgentMiddleware[Any, Any, Any]] = [
        ModelCallLimitMiddleware(thread_limit=limits.model_calls, exit_behavior="end"),
        ToolCallLimitMiddleware(thread_limit=limits.tool_calls, exit_behavior="continue"),
        LoopGuard(limits.repeated_calls),
    ]
    agent = create_agent(
        model,
        list(tools),
        system_prompt=instructions(specialist),
        response_format=ToolStrategy(
            _deliverable(task.output), handle_errors=(MultipleStructuredOutputsError,)
        ),
        middleware=guards,
        name=task.id,
    ).with_config(metadata=dict(trace))
    try:
        async with asyncio.timeout(limits.task_seconds):
            state = await agent.ainvoke({"messages": [HumanMessage(text)]})
    except TimeoutError:
        return Attempt(fault=f"limit 'task_seconds' of {limits.task_seconds:g} s was reached")
    except (ModelFault, ModelUnavailable) as error:
        return Attempt(fault=str(error))
    except (LimitBreached, BoundaryBreach) as error:
        return Attempt(fault=str(error), final=True)
    if "structured_response" not in state:
        return Attempt(fault=f"no result was delivered within {limits.model_calls} model calls")
    return Attempt(output=state["structured_response"])


def _deliverable(schema: dict[str, Json]) -> dict[str, Json]:
    return schema | {"title": DELIVER, "description": "Hand over the complete result of the task."}
