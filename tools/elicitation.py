"""What a server says or asks while a call is under way: how far it is, and what it wants to know.

A question becomes an approval of its own kind; without a person there is only a no.
"""

from __future__ import annotations

import asyncio
import contextvars
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from jsonschema import Draft202012Validator
from referencing import Registry

from ledger.approvals import Answer, Approval, Approvals
from runtime.canonical import Json, digest
from runtime.context import RunContext
from tools.catalogue import ToolEntry
from tools.masking import Masking

KIND: Literal["elicitation"] = "elicitation"
"""The kind of such an approval."""

_LONGEST = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a tool says it is."""

    done: float
    total: float | None
    message: str

    @property
    def share(self) -> float | None:
        """From 0 to 1, whatever the server says; None where it does not say."""
        if not self.total or not math.isfinite(self.done) or not math.isfinite(self.total):
            return None
        return min(1.0, max(0.0, self.done / self.total))


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What a server wants to know, in its own words: data of a stranger."""

    message: str
    schema: Json
    """The fields of the answer; None where a person is asked to open an address."""
    url: str = ""
    """The address; it is shown, and nothing opens it by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """A person's answer to a form: the values, by field. Only for a question of `KIND`."""

    content: Json


Elicit = Callable[[Form], Awaitable[Json]]
"""The content of the answer, `{}` for an address; None when the person says no. It may raise to
suspend the run, as `Ask` does."""


def hearing(told: Callable[[Progress], None]) -> Callable[[Progress], None]:
    """Tells progress in the context of here: a session's own task hears of it, and the view of a
    caller is known in its own context alone."""
    here = contextvars.copy_context()

    def heard(progress: Progress) -> None:
        here.run(told, progress)

    return heard


Put = Callable[[Approval], Awaitable[str | Filled]]


class Elicitor:
    """Puts the questions of one call's server to a person. Made in the task of the call."""

    def __init__(
        self,
        approvals: Approvals,
        context: RunContext,
        entry: ToolEntry,
        call: str,
        put: Put,
        masking: Masking,
    ) -> None:
        self.suspended = False
        """Whether asking raised, so that the run is suspended until there is an answer."""
        self._approvals = approvals
        self._context = context
        self._entry = entry
        self._call = call
        self._put = put
        self._masking = masking
        # A session's own task reads the question; what `put` finds in the caller's context, such
        # as the graph that it suspends, is not there.
        self._place = contextvars.copy_context()

    async def __call__(self, form: Form) -> Json:
        """The content of a person's answer; None when there is no usable one."""
        loop = asyncio.get_running_loop()
        return await loop.create_task(self._ask(form), context=self._place)

    async def _ask(self, form: Form) -> Json:
        # The same question of the same call: a run that was cut off finds its answer again.
        id = f"a-{digest([self._call, form.message, form.schema, form.url])[:24]}"
        found = await self._approvals.ask(
            id,
            run=self._context.run,
            task=self._context.task,
            kind=KIND,
            question=self._question(form),
        )
        content: Json = None
        if found.state == "pending":
            said = await self._said(found)
            content = said.content if isinstance(said, Filled) else None
            yes = isinstance(said, Filled) or said == "approved"
            answer: Answer = "approved" if yes else "refused"
            await self._approvals.answer(id, answer, by=self._context.user)
            found = await self._approvals.get(id) or found
        return fitting(form, content) if found.state == "approved" else None

    def _question(self, form: Form) -> Json:
        """What a person sees, and what is kept: without secrets. The form's own names stay, since
        a field may be called what it asks for."""
        return {
            "tool": self._entry.name,
            "server": self._entry.server,
            "specialist": self._context.specialist,
            "message": self._masking.text(form.message)[:_LONGEST],
            "form": self._masking.known_in(form.schema),
            "url": self._masking.text(form.url)[:_LONGEST],
            "reason": "The server asks while it works. What it says comes from outside. After the"
            " answer the call is made again from its beginning.",
        }

    async def _said(self, question: Approval) -> str | Filled:
        try:
            return await self._put(question)
        except Exception:
            self.suspended = True
            raise


def fitting(form: Form, content: Json) -> Json:
    """The values that are sent: the person's, then the server's own defaults. None: no answer.

    A value that does not fit the form is no answer either.
    """
    if form.schema is None:
        return {}
    fields = form.schema.get("properties", {})
    defaults = {name: one["default"] for name, one in fields.items() if "default" in one}
    values = defaults | (content if isinstance(content, dict) else {})
    schema = {"type": "object", **form.schema, "additionalProperties": False}
    fits = Draft202012Validator(schema, registry=Registry()).is_valid(values)
    return values if fits else None
