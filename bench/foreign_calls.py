"""The calls of the benchmark on foreign servers: what is asked of each, and what must come of it.

They stand in `bench/foreign/calls/NAME.json`; the outcome, the text, the data and what happened on
disk are all held against what the file says.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel, ConfigDict

from bench.foreign_install import HERE
from bench.foreign_world import World
from ledger.approvals import Answer, Approval
from ledger.calls import Outcome
from runtime.canonical import Json
from runtime.context import RunContext
from tools.elicitation import KIND, Filled
from tools.gateway import Gateway, ToolEvent


class Call(BaseModel):
    """One call, and what must come of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tool: str
    arguments: dict[str, Json]
    outcome: Outcome = "ok"
    holds: str = ""
    """Text that the reply must hold."""
    lacks: str = ""
    """Text that the reply must not hold."""
    data: Json = None
    """Structured content that the reply must carry, word for word."""
    file: str = ""
    """A file of the served folder that must be there afterwards."""
    absent: str = ""
    """A file of the served folder that must not be there afterwards."""
    asked: int = 0
    """How many questions must be put to a person."""
    progress: int = 0
    """How often it must at least be told how far the tool is."""
    person: Literal["approved", "refused"] = "approved"
    """What the person says to an effect."""
    form: Json = None
    """What the person fills into a form of the server; nothing: they decline it."""


class Book(BaseModel):
    """All calls of one server, in their order."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    request: str
    """What the user of the run said; an effect that it names in full needs no question."""
    foreseen: tuple[str, ...] = ()
    """Tools that the plan named."""
    calls: tuple[Call, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A call as it went."""

    tool: str
    wanted: str
    outcome: str
    sent: bool
    """Whether it was sent to the server."""
    asked: int
    milliseconds: float
    wrong: str
    """What differs from what was expected; empty when all is right."""


@dataclass(slots=True)
class Person:
    """Stands for the person: answers as the call's expectation says."""

    call: Call
    questions: list[Approval] = field(default_factory=list)

    async def __call__(self, question: Approval) -> Answer | Filled:
        self.questions.append(question)
        if question.kind != KIND:
            return self.call.person
        return "refused" if self.call.form is None else Filled(content=self.call.form)


def book_of(name: str, world: World) -> Book:
    """The calls of a server; `everything-http` makes those of `everything`."""
    file = HERE / "calls" / f"{name.removesuffix('-http').removesuffix('-file')}.json"
    return Book.model_validate(json.loads(world.words(file.read_text())))


async def make(
    gateway: Gateway, context: RunContext, call: Call, tool: str, number: int, world: World
) -> Told:
    """Make a call through the gateway, and hold it against what must come of it."""
    person = Person(call)
    steps: list[ToolEvent] = []
    began = time.perf_counter()
    reply = await gateway.call(
        context, tool, call.arguments, call=f"call-{number}", ask=person, report=steps.append
    )
    took = time.perf_counter() - began
    phases = [step.phase for step in steps]
    wrong = [
        f"outcome {reply.outcome}" if reply.outcome != call.outcome else "",
        f"{call.holds!r} is not in it" if call.holds not in reply.text else "",
        f"{call.lacks!r} is in it" if call.lacks and call.lacks in reply.text else "",
        f"data {reply.data}" if call.data is not None and reply.data != call.data else "",
        f"no {call.file}" if call.file and not (world.served / call.file).exists() else "",
        f"{call.absent} is there" if call.absent and (world.served / call.absent).exists() else "",
        "too little progress" if phases.count("progress") < call.progress else "",
        f"{len(person.questions)} questions" if len(person.questions) != call.asked else "",
    ]
    if any(wrong):
        wrong.append(f"it said: {reply.text[:400]}")
    return Told(
        tool=tool,
        wanted=call.outcome,
        outcome=reply.outcome,
        sent="called" in phases,
        asked=len(person.questions),
        milliseconds=round(took * 1000, 1),
        wrong="; ".join(filter(None, wrong)),
    )
