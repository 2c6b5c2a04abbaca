"""Whether a plan makes sense, before anything is spent on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from itertools import islice

from harness.limits import Limits
from harness.near import Vectors, near_duplicates
from harness.order import cycle
from harness.plan import REQUEST, Plan
from harness.promises import Promises
from harness.schemas import malformed
from runtime.canonical import Json, canonical

Permits = Callable[[str], str]
"""Given a tool's name: an empty text when the specialist may use it, otherwise the reason."""

_SHOWN = 3
"""Pairs of near-duplicates that a problem names."""


def too_many(raw: Json, limits: Limits) -> str:
    """What is wrong with the number of tasks in an answer that is not yet read as a plan.

    `raw` is the planner's answer or its list of tasks. Reading thousands of tasks costs more than
    refusing them; an answer of another form is left to whoever reads it.
    """
    tasks = raw.get("tasks") if isinstance(raw, Mapping) else raw
    return over_count(len(tasks), limits) if isinstance(tasks, list | tuple) else ""


def problems(
    plan: Plan,
    *,
    inputs: Collection[str],
    permits: Permits,
    limits: Limits,
    declared: Mapping[str, Mapping[str, Json]] | None = None,
    vectors: Vectors | None = None,
) -> tuple[str, ...]:
    """What is wrong with a plan, one sentence each; empty for a plan that may be executed.

    The count is checked first, so that a plan of 10,000 tasks is refused without a look inside.
    Equal tasks are no problem here: `harness.merge.merged` goes before.

    Args:
        inputs: Names of the inputs that the specialist has.
        declared: Their JSON schemas by name, as far as they are known.
        vectors: Tells the sense of objectives; without it only their words are compared.
    """
    if not plan.tasks:
        return ("The plan has no task.",)
    if many := over_count(len(plan.tasks), limits):
        return (many,)
    if misnamed := _misnamed(plan):
        return misnamed
    found = [*_dangling(plan, inputs), *_forbidden(plan, permits)]
    if caught := cycle(plan):
        found.append(f"These tasks wait for each other in a cycle: {', '.join(caught)}.")
    else:
        # Schemas take a millisecond each, and a plan in a circle is refused in any case.
        found.extend(_malformed(plan))
    if not found:
        # Only a plan whose references and schemas hold can be asked what they promise.
        found.extend(Promises(plan, inputs, declared or {}).broken())
    return (*found, *_repetitive(plan, limits, vectors))


def over_count(count: int, limits: Limits) -> str:
    """What is wrong with a plan of so many tasks; empty when there is room for them."""
    if count <= limits.tasks:
        return ""
    return f"The plan has {count} tasks; limit 'tasks' in config/limits.yaml is {limits.tasks}."


def _misnamed(plan: Plan) -> tuple[str, ...]:
    """Names that stand for two things, or for nothing."""
    counts = Counter(task.id for task in plan.tasks)
    return (
        *(f"Task id {id!r} stands more than once." for id, count in counts.items() if count > 1),
        *(
            f"Task id {id!r} is taken: it means the inputs of the specialist."
            for id in counts
            if id == REQUEST
        ),
        *(
            f"Task id {name!r} is the name of a group as well; give one of them another."
            for name in plan.groups
            if name in counts
        ),
        *(
            f"Task {target!r}, which stands for {id!r}, is no task of the plan."
            for id, target in plan.aliases.items()
            if target not in counts
        ),
    )


def _dangling(plan: Plan, inputs: Collection[str]) -> list[str]:
    found = []
    has = ", ".join(sorted(inputs)) or "no inputs"
    for task in plan.tasks:
        for name, source in task.inputs.items():
            if source.source in ("", REQUEST):
                continue
            if not plan.knows(source.source):
                found.append(
                    f"Task {task.id!r}: input {name!r} comes from {source.source!r},"
                    f" which is no task of the plan (nor 'request', which has {has})."
                )
        found.extend(
            f"Task {task.id!r} needs {need!r}, which is no task of the plan."
            for need in task.needs
            if not plan.knows(need)
        )
    return found


def _forbidden(plan: Plan, permits: Permits) -> list[str]:
    verdicts = {tool: permits(tool) for tool in sorted({t for k in plan.tasks for t in k.tools})}
    return [
        f"Task {task.id!r} may not use {tool!r}: {verdicts[tool]}"
        for task in plan.tasks
        for tool in task.tools
        if verdicts[tool]
    ]


def _malformed(plan: Plan) -> list[str]:
    """Schemas that are none, or that refer to anything outside of themselves."""
    known: dict[str, tuple[str, ...]] = {}

    def wrong(schema: Mapping[str, Json]) -> tuple[str, ...]:
        # Tasks of a map group share their schema, and checking one costs a millisecond.
        text = canonical(schema)
        if text not in known:
            known[text] = malformed(schema)
        return known[text]

    found: list[str] = []
    for task in plan.tasks:
        found.extend(f"Task {task.id!r}: output {reason}" for reason in wrong(task.output))
        for name, source in task.inputs.items():
            found.extend(
                f"Task {task.id!r}: schema of input {name!r} {reason}"
                for reason in wrong(source.json_schema)
            )
    return found


def _repetitive(plan: Plan, limits: Limits, vectors: Vectors | None) -> list[str]:
    pairs = list(islice(near_duplicates(plan, vectors), limits.near_duplicates + 1))
    if len(pairs) <= limits.near_duplicates:
        return []
    named = "; ".join(f"{pair.second!r} and {pair.first!r}" for pair in pairs[:_SHOWN])
    first = pairs[0]
    return [
        f"Task {first.second!r} nearly repeats {first.first!r}: same inputs, nearly the same"
        f" objective. More than {limits.near_duplicates} such pairs ({named}) are over limit"
        " 'near_duplicates' in config/limits.yaml; leave one of them out, or put what tells them"
        " apart into their inputs."
    ]
