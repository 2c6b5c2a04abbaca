"""The model of the fixed job. It plays whoever a system asks for: planner, main agent, worker,
judge.

All roles answer with the same texts in every system, so what differs is what the systems send.
"""

from __future__ import annotations

import json
import math
import random
import re
from collections import Counter
from collections.abc import Callable
from typing import Literal

from bench.brain import DELIVER, Paced
from bench.job import ASSIGNMENTS, COMPARISONS, READ, REVIEWS, Assignment, finding, summary
from tests.provider import Brain, Exchange, JsonObject, Reply, ToolCall

Pacing = Literal["calls", "length"]
"""Every model call takes equally long but for chance; or in proportion to what is said."""

_ID = re.compile(r"\[((?:review|compare)-\d)\]")
_TURN_TO = "transfer_to_worker"
_TYPICAL = 700
"""Characters of an answer that takes the median time, when time goes by length."""


class JobBrain(Paced, Brain):
    """Does the job of `bench/job.py`. `seen` is told each role that was played."""

    def __init__(self, *, median: float, pacing: Pacing, seen: Callable[[str, str], None]) -> None:
        super().__init__()
        self._median = median
        self._pacing = pacing
        self._seen = seen
        self._played: Counter[str] = Counter()

    def reply(self, exchange: Exchange) -> Reply:
        """Raises: ValueError, for a request that belongs to no role."""
        role, reply = self._act(exchange)
        self._seen("roles", role.partition(" ")[0])
        self._played[role] += 1
        # The same role, task and turn takes equally long in every system.
        chance = random.Random(f"{role} {self._played[role]}").gauss(0.0, 0.3)
        self.pace(exchange, self._median * self._share(reply) * math.exp(chance))
        return reply

    def begin(self, pacing: Pacing) -> None:
        """Forget who was played: another system does the job from the start."""
        self._pacing = pacing
        self._played.clear()

    def _share(self, reply: Reply) -> float:
        if self._pacing == "calls":
            return 1.0
        said = len(reply.text) + sum(len(call.arguments_text) for call in reply.tool_calls)
        return 0.3 + 0.7 * said / _TYPICAL

    def _act(self, exchange: Exchange) -> tuple[str, Reply]:
        offered = {tool.name for tool in exchange.tools}
        demanded = exchange.demanded_tool
        if demanded and demanded.name == "judgement":
            id = _task_of(exchange.last.text)
            return f"judge {id}", _call("judgement", verdict="accept", score=0.9, reasons=[])
        if demanded and demanded.name == "plan":
            return "planner", _call("plan", tasks=_outline(exchange))
        if "task" in offered:
            return "main", _main(exchange)
        if _TURN_TO in offered:
            return "main", _supervisor(exchange)
        return _worker(exchange, offered)


def _task_of(text: str) -> str:
    """The task that a text was written about: the last one that it assigns."""
    found = _ID.findall(text)
    if not found:
        raise ValueError(f"no task of the job in {text[-200:]!r}")
    return str(found[0])


def _worker(exchange: Exchange, offered: set[str]) -> tuple[str, Reply]:
    id = _assigned(exchange)
    read = next(name for name in offered if name.endswith(READ))
    result = exchange.last
    if result.role != "tool" or not result.text.rpartition("Source on ")[1]:
        return f"worker {id} read", _call(read, topic=ASSIGNMENTS[id].topic)
    if DELIVER not in offered:
        return f"worker {id} tell", Reply(text=finding(id))
    cited = re.match(r"evidence: (\S+)", result.text)
    evidence = [cited.group(1)] if cited else []
    return f"worker {id} tell", _call(DELIVER, text=finding(id), evidence=evidence)


def _assigned(exchange: Exchange) -> str:
    """A worker's task: the objective of its brief, or what the main agent said last."""
    for turn in reversed(exchange.turns):
        if turn.role in ("user", "assistant") and "Assignment: " in turn.text:
            return _task_of(turn.text.rpartition("Assignment: ")[2])
    (asked,) = (turn for turn in exchange.turns if turn.role == "user")
    return _task_of(asked.text)


def _main(exchange: Exchange) -> Reply:
    """Starts sub-agents by parallel calls: the reviews, then the comparisons with their reviews."""
    texts = (turn.text for turn in exchange.turns if turn.role == "tool")
    found = {_task_of(text): text for text in texts}
    if len(found) == len(ASSIGNMENTS):
        return Reply(text=summary())
    wanted = COMPARISONS if found else REVIEWS
    return Reply(
        tool_calls=tuple(
            ToolCall(
                name="task",
                arguments={
                    "description": _description(ASSIGNMENTS[id], found),
                    "subagent_type": "worker",
                },
            )
            for id in wanted
        )
    )


def _description(one: Assignment, found: dict[str, str]) -> str:
    given = "\n\n".join(found[id] for id in one.needs)
    return f"Assignment: {one.objective}" + (f"\n\nThe reviews:\n\n{given}" if given else "")


def _supervisor(exchange: Exchange) -> Reply:
    """Hands over to the worker, one task after the other; the worker reads all that was said."""
    told = [turn.text for turn in exchange.turns if turn.role == "assistant"]
    done = {_task_of(text) for text in told if text.startswith("[")}
    left = [one for one in ASSIGNMENTS.values() if one.id not in done]
    if not left:
        return Reply(text=summary())
    return Reply(
        text=f"Assignment: {left[0].objective}",
        tool_calls=(ToolCall(name=_TURN_TO, arguments={}),),
    )


def _outline(exchange: Exchange) -> list[JsonObject]:
    """The plan along the author's outline, which stands in the request for it."""
    blocks = re.findall(r"```json\n(.*?)\n```", exchange.last.text, re.DOTALL)
    plans = [json.loads(block) for block in blocks]
    outlined = next(plan for plan in plans if isinstance(plan, dict) and "tasks" in plan)
    tasks: list[JsonObject] = outlined["tasks"]
    known = ("id", "objective", "inputs", "needs", "tools", "output")
    return [
        {"inputs": {}, "tools": [], **{key: task[key] for key in known if key in task}}
        for task in tasks
    ]


def _call(name: str, **arguments: object) -> Reply:
    return Reply(tool_calls=(ToolCall(name=name, arguments=json.loads(json.dumps(arguments))),))
