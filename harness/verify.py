"""The verdict on a result: schema, evidence and acceptance criteria, before any model is asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from jsonschema import Draft202012Validator
from referencing import Registry

from harness.checks import Facts, run_check
from harness.plan import Task
from runtime.canonical import Json

_NOTHING_REMOTE: Registry[Json] = Registry()
"""Without it a reference in a schema would be fetched from wherever it points."""

EVIDENCE = "evidence"
"""The property under which a result names the tool calls that it rests on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`accept` or `retry`, with what was wrong; `evidence` lists the calls that were cited."""

    action: Literal["accept", "retry"]
    reasons: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()


def verify(task: Task, facts: Facts) -> Verdict:
    """Hold a result against its schema, the gateway's record and the task's criteria.

    A worker that tells of a call that it never made is sent back here.
    """
    wrong = [
        f"{error.json_path}: {error.message[:200]}"
        for error in Draft202012Validator(task.output, registry=_NOTHING_REMOTE).iter_errors(
            facts.output
        )
    ]
    cited = tuple(dict.fromkeys(_cited(facts.output)))
    if not wrong:
        wrong = [*_unfounded(task, facts, cited)]
        for check in task.accept:
            wrong.extend(run_check(check, facts))
    if wrong:
        return Verdict(action="retry", reasons=tuple(wrong[:20]), evidence=cited)
    return Verdict(action="accept", evidence=cited)


def _unfounded(task: Task, facts: Facts, cited: tuple[str, ...]) -> Iterator[str]:
    made = {observation.id: observation for observation in facts.observations}
    for id in cited:
        if id not in made:
            yield f"Evidence {id!r} is no tool call of this task."
        elif not made[id].ok:
            yield f"Evidence {id!r} is a call that failed or was denied."
    if not cited and task.tools and EVIDENCE in task.output.get("required", ()):
        yield "No evidence is given; name the tool calls that the result rests on."


def _cited(value: Json) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == EVIDENCE and isinstance(inner, list):
                yield from (str(id) for id in inner)
            else:
                yield from _cited(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _cited(inner)
