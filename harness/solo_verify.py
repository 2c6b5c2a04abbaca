"""The verdict on the result of a solo worker: each part as strictly as from a worker of its own."""

from __future__ import annotations

from dataclasses import replace

from harness.checks import Facts
from harness.inputs import resolve, unfit
from harness.plan import Task
from harness.solo import Solo, split
from harness.verify import Verdict, verify
from runtime.canonical import Json
from runtime.errors import SelectionFailed


def verify_solo(one: Solo, facts: Facts) -> Verdict:
    """Hold each part of the output against its own task.

    `facts.inputs` are those of the combined task. The inputs of a part are taken from them and from
    the earlier parts, and its evidence must be calls of tools that its own task names.
    """
    whole = verify(one.task, facts)
    if whole.action == "retry":
        return whole
    parts = split(one, facts.output)
    reasons: list[str] = []
    for id in one.order:
        wrong = _part(one, one.original.by_id[id], parts, facts)
        if wrong:
            reasons.extend(f"{id}: {reason}" for reason in wrong)
            # What builds on a part that is wrong would be judged by wrong inputs.
            break
    if reasons:
        return Verdict(action="retry", reasons=tuple(reasons), evidence=whole.evidence)
    return whole


def _part(one: Solo, task: Task, parts: dict[str, Json], facts: Facts) -> tuple[str, ...]:
    try:
        inputs = _inputs(one, task, parts, facts)
    except SelectionFailed as error:
        return (str(error),)
    if wrong := unfit(task, inputs):
        return wrong
    own = [seen for seen in facts.observations if seen.tool in task.tools]
    return verify(
        task, replace(facts, output=parts[task.id], inputs=inputs, observations=own)
    ).reasons


def _inputs(one: Solo, task: Task, parts: dict[str, Json], facts: Facts) -> dict[str, Json]:
    given = {name: facts.inputs.get(key) for name, key in one.keys[task.id].items()}
    inner = {name: source for name, source in task.inputs.items() if name not in given}
    return given | resolve(task.model_copy(update={"inputs": inner}), one.original, {}, parts)
