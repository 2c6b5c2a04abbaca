"""The verdict on a result: schema, evidence and acceptance criteria, before any model is asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from harness.artifacts import unlike_files
from harness.checks import Facts, run_check
from harness.content import blanks, is_empty
from harness.plan import Task
from harness.schemas import violations
from runtime.canonical import Json

EVIDENCE = "evidence"
"""The property under which a result names the tool calls that it rests on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`accept` or `retry`, with what was wrong; `evidence` lists the calls that were cited."""

    action: Literal["accept", "retry"]
    reasons: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()


def verify(task: Task, facts: Facts) -> Verdict:
    """Hold a result against its schema, the gateway's record, the files and the task's criteria.

    A worker that tells of a call that it never made, or of a file that it never wrote, is sent back
    here.
    """
    wrong = [
        f"{error.json_path}: {error.message[:200]}"
        for error in violations(task.output, facts.output)
    ]
    cited = tuple(dict.fromkeys(cited_in(facts.output)))
    if not wrong:
        wrong = [
            *_unfounded(task, facts, cited),
            *_hollow(task, facts.output, cited),
            *unlike_files(facts.output, facts.files),
        ]
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


def _hollow(task: Task, output: Json, cited: tuple[str, ...]) -> Iterator[str]:
    """Results of the right form with nothing in them. Finding nothing is a result with evidence."""
    yield from blanks(task.output, output)
    if task.output.get("required") and not cited and is_empty(output):
        yield "The result is empty, and it names no tool call that found nothing."


def cited_in(value: Json) -> Iterator[str]:
    """The ids of the tool calls that a result names under `evidence`, wherever it does."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == EVIDENCE and isinstance(inner, list):
                yield from (str(id) for id in inner)
            else:
                yield from cited_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from cited_in(inner)
