"""Drives a graph as a client does: send a request, read the events, answer what is asked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.types import Command

from graphs.services import Services, open_services
from graphs.supervisor import build
from runtime.canonical import Json
from runtime.settings import ROOT, Settings

_ANSWER = {"effect": "decision", "plan": "decision", "task": "decision", "clarify": "text"}
"""Under which name a question of each kind is answered."""

Decide = Callable[[Json], Json]
"""Given a question: `approve` or `refuse`; to a clarifying question the user's words; or the fields
of a whole answer. Empty to leave it open."""


@dataclass
class Told:
    """What a run told while it ran, and what it answered in the end."""

    events: list[dict[str, Json]] = field(default_factory=list)
    questions: list[dict[str, Json]] = field(default_factory=list)
    answer: dict[str, Json] = field(default_factory=dict)
    message: str = ""

    def of(self, kind: str) -> list[dict[str, Json]]:
        return [event for event in self.events if event.get("event") == kind]


class Driver:
    """One supervisor over open services."""

    def __init__(self, services: Services, saver: AsyncSqliteSaver) -> None:
        self.services = services
        self.graph = build(services.registry).compile(checkpointer=saver)

    async def ask(
        self,
        text: str,
        *,
        decide: Decide | None = None,
        thread: str = "t1",
        **context: Json,
    ) -> Told:
        """Send a request and answer its questions with `decide`; without it, stop at the first."""
        told = Told()
        given: Any = {"messages": [{"role": "user", "content": text}]}
        while given is not None:
            pending = await self._stream(given, thread, context, told)
            told.questions.extend(pending.values())
            given = (
                Command(
                    resume={
                        id: {"approval": question["approval"]} | _answer(question, said)
                        for id, question in pending.items()
                        if (said := decide(question))
                    }
                )
                if pending and decide
                else None
            )
        return told

    async def _stream(
        self, given: object, thread: str, context: Mapping[str, Json], told: Told
    ) -> dict[str, dict[str, Json]]:
        config: Any = {"configurable": {"thread_id": thread}}
        sent: Any = given
        said: Any = dict(context)
        stream: Any = self.graph.astream(
            sent,
            config,
            context=said,
            stream_mode=["custom", "values"],
            subgraphs=True,
        )
        async for namespace, mode, event in stream:
            if mode == "custom":
                told.events.append(event)
            elif not namespace and isinstance(event, dict) and event.get("answer"):
                told.answer = event["answer"]
                told.message = event["messages"][-1].text
        state = await self.graph.aget_state(config)
        return {interrupt.id: interrupt.value for interrupt in state.interrupts}


def _answer(question: Json, said: Json) -> dict[str, Json]:
    return said if isinstance(said, dict) else {_ANSWER[question["kind"]]: said}


@asynccontextmanager
async def driver(home: Path, **settings: object) -> AsyncIterator[Driver]:
    """A driver whose ledger, checkpoints and sample data live below `home`."""
    opened = Settings(home=home, **settings)  # type: ignore[arg-type]
    async with (
        open_services(opened) as services,
        AsyncSqliteSaver.from_conn_string(str(home / "checkpoints.sqlite")) as saver,
    ):
        yield Driver(services, saver)


INCIDENT = ROOT / "examples" / "incident"
LICENCES = (
    "Which packages in this environment are not under a permissive licence, and what follows for"
    " a product that ships them?"
)
DENIED = "How is a denied tool call recorded?"
STATUS_MAIL = "Look up customer 42 and e-mail her the status of her last order"
