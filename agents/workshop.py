"""What a slot needs from outside of this room, so that it can be told what to use and by whom."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from langchain_core.language_models import BaseChatModel
from langchain_core.tools import BaseTool

from agents.spec import Specialist
from harness.authority import Authority
from harness.plan import Task
from ledger.approvals import Approval
from runtime.canonical import Json
from runtime.context import RunContext


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What a person said about a task that nobody could do."""

    approved: bool
    by: str
    text: str = ""
    """Advice for one more try."""
    output: Json = None
    """The person's own result; None when there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delegated:
    """What a deep specialist made of a task that was given to it as a whole."""

    output: Json
    missing: tuple[str, ...]
    """Why it is not complete; empty when it is."""


class Workshop(Protocol):
    """Models, tools, people and other specialists, as the running process has them."""

    def model(
        self,
        tier: Literal["work", "plan", "judge"],
        context: RunContext,
        avoid: frozenset[str] = frozenset(),
    ) -> BaseChatModel: ...

    def tools(self, context: RunContext, names: Sequence[str]) -> Sequence[BaseTool]: ...

    def specialist(self, name: str) -> Specialist | None: ...

    async def place(self, name: str, work: Callable[[], Awaitable[Json]]) -> Json:
        """Do `work` at a stable place of its own; done before a crash, it is not done again.

        The calls of one slot come in the same order each time.
        """

    async def decide(self, question: Approval) -> Decided:
        """Put a question to a person. May suspend the run; that passes through untouched."""

    async def delegate(
        self,
        specialist: Specialist,
        task: Task,
        inputs: Mapping[str, Json],
        context: RunContext,
        authority: Authority,
    ) -> Delegated:
        """Have a deep specialist do a task by a plan of its own, within `authority`."""
