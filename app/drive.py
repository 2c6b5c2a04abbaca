"""Drives a graph to its end: streams its events to a view, and puts its questions to a person.

Answers go back in a map keyed by interrupt, so that none can reach another question.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

from langchain_core.runnables import RunnableConfig
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command

from app.questions import Question, questions_in
from runtime.canonical import Json

Person = Callable[[Question], Awaitable[Json | None]]
"""Gives the resume value for a question, or None when it stays open."""

Graph = CompiledStateGraph[Any, Any, Any, Any]


class View(Protocol):
    """Shows a run while it works."""

    def take(self, event: Mapping[str, Json]) -> None: ...

    def showing(self) -> AbstractContextManager[None]: ...


async def drive(
    graph: Graph,
    payload: object,
    config: RunnableConfig,
    *,
    context: Json = None,
    view: View,
    person: Person,
) -> list[Question]:
    """Run `payload` (an input, a `Command`, or None to go on) until nobody answers any more.

    Returns:
        The questions that stay open; empty when the graph reached its end.
    """
    while True:
        with view.showing():
            await _stream(graph, payload, config, context, view)
        questions = await open_questions(graph, config)
        answers = await _answers(questions, person)
        if not answers:
            return questions
        payload = Command(resume=answers)


async def open_questions(graph: Graph, config: RunnableConfig) -> list[Question]:
    """What a thread waits for now."""
    return questions_in((await graph.aget_state(config)).interrupts)


async def _stream(
    graph: Graph, payload: object, config: RunnableConfig, context: Json, view: View
) -> None:
    async for _space, mode, chunk in graph.astream(
        payload,
        config,
        context=context,
        stream_mode=["custom"],
        subgraphs=True,
        # A step counts when it is on disk: a killed run goes on from there.
        durability="sync",
    ):
        if mode == "custom" and isinstance(chunk, dict):
            view.take(chunk)


async def _answers(questions: list[Question], person: Person) -> dict[str, Json]:
    answers: dict[str, Json] = {}
    for question in questions:
        said = await person(question)
        if said is not None:
            answers[question.interrupt] = said
    return answers
