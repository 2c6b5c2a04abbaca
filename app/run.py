"""A run from the command line: start one, answer one that waits, go on with one that was cut off.

All three end in the same way: with an answer, or with questions that stay open. Whoever stops one
by Ctrl-C goes on with it by hand; what was cut off otherwise goes on by itself.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.types import Command

from app.checkpoints import Checkpoints, open_checkpoints
from app.drive import Graph, Person, View, drive, open_questions
from app.lookup import known_run
from app.place import place_of
from app.questions import Question
from graphs.answer import answer_of
from graphs.cancelled import close_cancelled
from graphs.deep import build as build_deep
from graphs.services import Services, open_services
from graphs.state import Answer, Outcome
from graphs.supervisor import build as build_supervisor
from ledger.approvals import Approval
from ledger.runs import Run
from runtime.canonical import Json
from runtime.errors import NoStep, RunCancelled, UserError
from runtime.labels import Label
from runtime.settings import Settings

CLI = "cli"
"""How the names of processes of the command line begin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the command line was asked to do."""

    text: str
    context: dict[str, Json]
    """The fields of `graphs.state.RequestContext` that the options give."""
    thread: str = ""
    """The conversation to go on with; empty for a new one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a run left the process: with an answer, or waiting for a person."""

    run: str
    thread: str
    answer: Answer | None
    pending: tuple[Question, ...]

    @property
    def status(self) -> str:
        """The status of the answer; `paused` when a person is asked."""
        if self.answer is None or self.pending:
            return "paused"
        return self.answer["status"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """An open installation that runs are driven in."""

    services: Services
    checkpoints: Checkpoints
    person: Person

    async def start(self, request: Request, run: str, view: View) -> Ended:
        """Carry out a new request under the run id `run`.

        Raises:
            UserError: the thread waits for an answer.
        """
        graph = self._graph("supervisor")
        thread = request.thread or run
        config: RunnableConfig = {
            "configurable": {"thread_id": thread, "run_id": run},
            # What the trace may tell depends on the label. Both are kept with each step, as the
            # server does by itself: a run that is cut off in its first one reads them again.
            "metadata": {
                "label": str(request.context.get("label", Label.internal)),
                "specialist": str(request.context.get("specialist", "")),
            },
        }
        if request.thread:
            await self._refuse_waiting(graph, config, thread)
        # Here and not in the graph alone: the first step of a run holds what it was given.
        text = self.services.gateway.masking.text(request.text)
        payload = {"messages": [HumanMessage(text)]}
        return await self._drive(graph, payload, config, run, view, context=request.context)

    async def answer(self, approval: Approval, resume: Json, view: View) -> Ended:
        """Give an open question of a run its answer, and go on with the run.

        Raises:
            UserError: the run does not wait for this answer, or another process drives it.
        """
        run = await known_run(self.services.ledger, approval.run)
        await self.services.holding.take(run.id)
        graph, config, context = await self._place_of(run)
        for question in await open_questions(graph, config):
            if question.approval == approval.id:
                payload: Command[Any] = Command(resume={question.interrupt: resume})
                return await self._drive(graph, payload, config, run.id, view, context)
        await self.services.holding.rest(run.id)
        raise UserError(
            f"{approval.id} is open in the ledger, but its run does not wait for it.",
            remedy=f"The run was cut off before it could ask: switchyard resume {run.id}",
        )

    async def resume(self, run: Run, view: View) -> Ended:
        """Go on with a run that was cut off, from its last step.

        Raises:
            UserError: it has ended, it left no step, or another process drives it.
        """
        if run.ended:
            raise UserError(
                f"Run {run.id} has ended: {run.status}.",
                remedy=f"See it with: switchyard runs show {run.id}",
            )
        try:
            await self.services.holding.take(run.id)
        except RunCancelled:
            # It was cut off on its way to its end.
            closed = await close_cancelled(self.services.ledger, run.id)
            return Ended(run=run.id, thread=run.thread, answer=closed, pending=())
        graph, config, context = await self._place_of(run)
        questions = await open_questions(graph, config)
        answers = {one.interrupt: said for one in questions if (said := await self.person(one))}
        if questions and not answers and not await self._may_go_on(run, questions):
            return await self._ended(graph, config, run.id, questions)
        payload: Command[Any] | None = Command(resume=answers) if answers else None
        return await self._drive(graph, payload, config, run.id, view, context)

    async def _may_go_on(self, run: Run, questions: list[Question]) -> bool:
        """Whether something besides the open questions is left to do."""
        pending = {one.id for one in await self.services.ledger.approvals.pending(run.id)}
        return run.status != "paused" or any(one.approval not in pending for one in questions)

    async def _drive(
        self,
        graph: Graph,
        payload: object,
        config: RunnableConfig,
        run: str,
        view: View,
        context: Json = None,
    ) -> Ended:
        try:
            open_ones = await drive(
                graph, payload, config, context=context, view=view, person=self.person
            )
        except asyncio.CancelledError:
            await self.services.holding.stop(run)
            raise
        return await self._ended(graph, config, run, open_ones)

    async def _ended(
        self, graph: Graph, config: RunnableConfig, run: str, pending: list[Question]
    ) -> Ended:
        await self.services.holding.rest(run)
        values = (await graph.aget_state(config)).values
        answer = values.get("answer") or await self._of_deep(run, values.get("outcome"))
        return Ended(
            run=run,
            thread=config["configurable"]["thread_id"],
            answer=None if pending else answer,
            pending=tuple(pending),
        )

    async def _of_deep(self, run: str, outcome: Outcome | None) -> Answer | None:
        """The outcome of a deep run by itself in the form of an answer."""
        if outcome is None:
            return None
        return await answer_of(
            self.services.ledger,
            run,
            status=outcome["status"],
            text=outcome["text"],
            outcomes=[outcome],
            evidence=outcome["evidence"],
            missing=outcome["missing"],
        )

    async def _place_of(self, run: Run) -> tuple[Graph, RunnableConfig, dict[str, Json]]:
        """The graph, the thread and the context of a recorded run.

        Raises:
            NoStep: its thread holds no step to go on from.
        """
        place = await place_of(self.services.ledger, self.checkpoints, run)
        graph = self._graph(place.graph)
        if not (await graph.aget_state(place.config)).next:
            await self.services.holding.stop(run.id)
            raise NoStep(run.id)
        return graph, place.config, place.context

    def _graph(self, name: str) -> Graph:
        builder = build_deep() if name == "deep" else build_supervisor(self.services.registry)
        return builder.compile(checkpointer=self.checkpoints, name=name)

    async def _refuse_waiting(self, graph: Graph, config: RunnableConfig, thread: str) -> None:
        for question in await open_questions(graph, config):
            asked = await self.services.ledger.approvals.get(question.approval)
            # The steps of a run that was cancelled still hold its questions.
            if asked is not None and asked.state == "pending":
                raise UserError(
                    f"Thread {thread} waits for an answer to {asked.id}.",
                    remedy="Answer it first (switchyard approvals), or leave --thread out.",
                )


@asynccontextmanager
async def open_desk(settings: Settings, person: Person) -> AsyncIterator[Desk]:
    """Open everything that a run needs, and close it again.

    Raises:
        ConfigError: a configuration file is wrong.
        OperatorError: the ledger or the checkpoints cannot be opened.
    """
    # litellm takes seconds to load; it may do so while the tool servers, other processes, start.
    loading = asyncio.create_task(asyncio.to_thread(import_module, "models.session"))
    try:
        async with (
            open_services(settings, CLI) as services,
            open_checkpoints(settings) as checkpoints,
        ):
            yield Desk(services=services, checkpoints=checkpoints, person=person)
    finally:
        await asyncio.gather(loading, return_exceptions=True)


def new_run() -> str:
    """A run id."""
    return str(uuid.uuid4())
