"""Plays every model of a test: workers by their task and attempt, the planner, the judge.

A part is a function of the work and the number of the attempt, so a test reads as what each does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from runtime.canonical import Json
from tests.graphs.workers import Work, deliver, work_of
from tests.provider import Exchange, Reply, ToolCall
from tests.provider.faults import Fault

Part = Callable[[Work, int], Reply | Fault]


class Cast:
    """A brain that knows its parts. It keeps the briefs it was given, by task."""

    def __init__(
        self,
        parts: Mapping[str, Part] | None = None,
        *,
        plans: Sequence[Json] = (),
        verdicts: Sequence[Json] = (),
    ) -> None:
        self._parts = dict(parts or {})
        self._plans = list(plans)
        self._verdicts = list(verdicts)
        self.attempts: Counter[str] = Counter()
        self.briefs: dict[str, list[str]] = {}
        self.asked: list[str] = []
        """What the planner and the judge were asked."""

    def reply(self, exchange: Exchange) -> Reply | Fault:
        work = work_of(exchange)
        if work is None:
            return self._structured(exchange)
        if work.begins:
            self.attempts[work.task] += 1
            self.briefs.setdefault(work.task, []).append(work.text)
        return self._parts[work.task](work, self.attempts[work.task])

    def _structured(self, exchange: Exchange) -> Reply:
        self.asked.append("\n".join(turn.text for turn in exchange.turns))
        (tool,) = (tool.name for tool in exchange.tools)
        queue = {"plan": self._plans, "judgement": self._verdicts}[tool]
        return Reply(tool_calls=(ToolCall(name=tool, arguments=queue.pop(0)),))


def gives(output: Json) -> Part:
    """Delivers this at every attempt."""
    return lambda _work, _attempt: deliver(output)


def at_attempts(*outputs: Json) -> Part:
    """Delivers one after the other, the last one for good."""
    return lambda _work, attempt: deliver(outputs[min(attempt, len(outputs)) - 1])


def task(id: str, **more: Json) -> dict[str, Json]:
    """A task whose result is `{"value": <integer>}`."""
    return {
        "id": id,
        "objective": f"[{id}] Give the value.",
        "output": {
            "type": "object",
            "required": ["value"],
            "properties": {"value": {"type": "integer"}},
        },
    } | more
