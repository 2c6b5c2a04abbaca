"""The agent loop of a worker, built once for all tasks that look alike and given to each its own
model and tools when it runs: building one costs more than a step of it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from langchain.agents import create_agent
from langchain.agents.structured_output import MultipleStructuredOutputsError, ToolStrategy
from langchain_core.language_models import BaseChatModel
from langchain_core.outputs import ChatResult
from langchain_core.tools import BaseTool
from langgraph.graph.state import CompiledStateGraph

from agents.bounds import Bounds, Hands
from harness.limits import Limits
from runtime.canonical import Json, canonical

DELIVER = "deliver"
"""Name of the tool by which a worker hands over its result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A tool as a model sees it."""

    name: str
    description: str
    schema: str

    @classmethod
    def of(cls, tool: BaseTool) -> Listing:
        """How a tool is listed."""
        schema = tool.args_schema if isinstance(tool.args_schema, dict) else {}
        return cls(name=tool.name, description=tool.description, schema=canonical(schema))


@lru_cache(maxsize=256)
def loop_of(
    name: str,
    prompt: str,
    output: str,
    tools: tuple[Listing, ...],
    limits: Limits,
    hidden: bool,
) -> CompiledStateGraph[Any, Hands, Any, Any]:
    """The loop of workers with this system prompt, result schema (as JSON), tools and limits.

    Its context is a `Hands`; without one it can do nothing.
    """
    schema: dict[str, Json] = json.loads(output)
    return create_agent(
        _Nobody(),
        [_Listed.of(tool) for tool in tools],
        system_prompt=prompt,
        response_format=ToolStrategy(
            schema
            | {"title": DELIVER, "description": "Hand over the complete result of the task."},
            handle_errors=(MultipleStructuredOutputsError,),
        ),
        middleware=[Bounds(limits, hidden=hidden)],
        context_schema=Hands,
        name=name,
    )


class _Nobody(BaseChatModel):
    """Stands where a loop is built; `Bounds` puts the attempt's own model in its place."""

    @property
    def _llm_type(self) -> str:
        return "nobody"

    def _generate(self, *_: object, **__: object) -> ChatResult:
        raise TypeError("A worker was started without its hands.")


class _Listed(BaseTool):
    """A tool as it is listed to the model; `Bounds` calls the attempt's own in its place."""

    @classmethod
    def of(cls, tool: Listing) -> _Listed:
        return cls(
            name=tool.name, description=tool.description, args_schema=json.loads(tool.schema)
        )

    def _run(self, *_: object, **__: object) -> object:
        raise TypeError("A worker was started without its hands.")
