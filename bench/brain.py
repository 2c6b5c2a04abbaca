"""The model of the benchmarks: it reads in the brief which step it does, waits, and delivers.

It never sees which system asks. What a step is worth follows from the step and its inputs alone,
so a result that reached the wrong task shows in the answer.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass

from pydantic import JsonValue

from bench.dags import Dag, Step
from tests.provider import Brain, Exchange, JsonObject, Latency, Reply, ToolCall, Turn

DELIVER = "deliver"
TOOLS = ("look_up", "record", "send")
"""The tools that a step calls where they are offered, one turn each, in this order."""
UNKNOWN = "outcome unknown"
"""What a step notes about an effect of which nobody knows whether it happened."""

_STEP = re.compile(r"step (s\d+) of plan ([a-z]+-\d+-\d+)")
_PLAN = re.compile(r"all steps of plan ([a-z]+-\d+-\d+)")
_INPUTS = re.compile(r"## Inputs\n```json\n(.*?)\n```", re.DOTALL)
_EVIDENCE = re.compile(r"^evidence: (\S+)", re.MULTILINE)


def objective(dag: Dag, step: Step) -> str:
    """What a task says, in every system alike."""
    return f"Do step {step.id} of plan {dag.name}."


def value_of(step: str, inputs: JsonObject) -> str:
    """What a step is worth: a digest of its own name and of what it was given."""
    given = {name: value for name, value in inputs.items() if name not in ("job", "step")}
    text = json.dumps([step, given], sort_keys=True)
    return f"{step}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


class Paced:
    """A brain that says how long it thinks about each answer; the provider waits for it."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}

    def pace(self, exchange: Exchange, seconds: float) -> None:
        """The answer to this exchange takes so long."""
        self._seconds[exchange.digest] = seconds

    def seconds(self, digest: str) -> float:
        """The seconds of an answer that was just given."""
        return self._seconds.get(digest, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace(Latency):
    """The latency of a provider whose brain keeps the time."""

    brain: Paced

    def seconds(self, digest: str) -> float:
        """See `Paced.seconds`."""
        return self.brain.seconds(digest)


class StepBrain(Paced, Brain):
    """Does steps of random plans, and plays the main agent for systems that plan by turns.

    `seen` is told the job and the step of every call for a step.
    """

    def __init__(self, dag_of: Callable[[str], Dag], seen: Callable[[str, str], None]) -> None:
        super().__init__()
        self._dag_of = dag_of
        self._seen = seen
        self.scale = 1.0
        """Times are multiplied by it; 0 answers at once. May be changed."""

    def reply(self, exchange: Exchange) -> Reply:
        """Raises: ValueError, for a request that is no step and no plan."""
        asked = "\n".join(turn.text for turn in exchange.turns if turn.role == "user")
        if found := _STEP.search(asked):
            return self._step(exchange, asked, *found.groups())
        if found := _PLAN.search(asked):
            return _wave(exchange, self._dag_of(found.group(1)))
        raise ValueError(f"no step and no plan in {asked[:200]!r}")

    def _step(self, exchange: Exchange, asked: str, id: str, plan: str) -> Reply:
        step = self._dag_of(plan).steps[int(id[1:])]
        inputs = inputs_in(asked)
        job = str(inputs.get("job", ""))
        self._seen(job, id)
        offered = {known: name for known in TOOLS if (name := _offered(exchange, known))}
        self.pace(exchange, self.scale * step.seconds / (1 + len(offered)))
        called = {call.name for turn in exchange.turns for call in turn.tool_calls}
        for name in offered.values():
            if name not in called:
                call = ToolCall(name=name, arguments={"job": job, "step": id})
                return Reply(tool_calls=(call,))
        return _delivered(exchange, id, inputs)


def inputs_in(asked: str) -> JsonObject:
    """The inputs that stand in a brief; none where it has no such part."""
    found = _INPUTS.search(asked)
    inputs: JsonValue = json.loads(found.group(1)) if found else {}
    return inputs if isinstance(inputs, dict) else {}


def _offered(exchange: Exchange, known: str) -> str:
    """The tool's name as it is offered: gateways put the server's name before it."""
    names = (tool.name for tool in exchange.tools)
    return next((name for name in names if name == known or name.endswith(f"_{known}")), "")


def _delivered(exchange: Exchange, id: str, inputs: JsonObject) -> Reply:
    results = [turn for turn in exchange.turns if turn.role == "tool"]
    unsure = any("is not known" in turn.text for turn in results)
    value = value_of(id, inputs)
    if not any(tool.name == DELIVER for tool in exchange.tools):
        return Reply(text=value)
    output: JsonObject = {
        "value": value,
        "note": UNKNOWN if unsure else "done",
        "evidence": list(_cited(results)),
    }
    return Reply(tool_calls=(ToolCall(name=DELIVER, arguments=output),))


def _cited(results: list[Turn]) -> list[str]:
    found = (_EVIDENCE.match(turn.text) for turn in results)
    return [match.group(1) for match in found if match]


def _wave(exchange: Exchange, dag: Dag) -> Reply:
    """The main agent of a system that starts sub-agents by parallel calls: wave after wave."""
    begun = sum(bool(turn.tool_calls) for turn in exchange.turns)
    waves = dag.depths()
    if begun == len(waves):
        return Reply(text="All steps are done.")
    values = {
        turn.text.partition("-")[0]: turn.text for turn in exchange.turns if turn.role == "tool"
    }
    return Reply(tool_calls=tuple(_task(dag, step, values) for step in waves[begun]))


def _task(dag: Dag, step: Step, values: dict[str, str]) -> ToolCall:
    inputs = {dag.steps[parent].id: values[dag.steps[parent].id] for parent in step.parents}
    text = (
        f"## Objective\n{objective(dag, step)}\n\n"
        f"## Inputs\n```json\n{json.dumps(inputs, indent=1)}\n```"
    )
    kind = "reader" if step.reads else "worker"
    return ToolCall(name="task", arguments={"description": text, "subagent_type": kind})
