"""A plan: tasks with typed inputs, from which their dependencies follow."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property
from typing import Annotated, Literal

import jmespath
from jmespath.exceptions import JMESPathError
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from runtime.canonical import Json

TaskId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,79}$")]
REQUEST = "request"
"""The name under which a plan refers to the inputs of its specialist."""


class Frozen(BaseModel):
    """Plans cross the boundary to models and files: nothing unknown gets in, nothing changes."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Input(Frozen):
    """Where one input of a task comes from: a literal, the request, or other tasks' outputs."""

    value: Json | None = None
    """A literal. Used when `source` is empty."""
    source: str = Field(default="", alias="from")
    """`request`, a task id, or the name of a group of mapped tasks (their outputs as a list)."""
    select: str = "@"
    """JMESPath (jmespath.org) into the source."""
    distinct: bool = False
    """Keep each value of a list once, at its first place; JMESPath has no word for it."""
    json_schema: dict[str, Json] = Field(default_factory=dict, alias="schema")
    """What the value must look like; held against the source's declared output when the plan is
    checked, and against the value itself before the task starts."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    @field_validator("select")
    @classmethod
    def _compiles(cls, select: str) -> str:
        try:
            jmespath.compile(select)
        except JMESPathError as error:
            raise ValueError(f"not a JMESPath expression: {error}") from error
        return select


class Check(Frozen):
    """One acceptance criterion that is checked without a model. See `harness/checks.py`."""

    check: Literal["min_items", "regex", "covers", "references_input", "grounded_rows", "citations"]
    at: str = "@"
    """JMESPath into the output: what is checked."""
    input: str = ""
    """For `covers` and `references_input`: the input that is compared with."""
    count: int = Field(default=1, ge=0)
    """For `min_items`."""
    pattern: str = ""
    """For `regex`."""
    key: str = ""
    """For `grounded_rows`: the field that identifies a row."""
    fields: tuple[str, ...] = ()
    """For `grounded_rows`: the fields that must equal those of the tool's row."""

    @field_validator("pattern")
    @classmethod
    def _is_regular(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        return pattern

    @field_validator("at")
    @classmethod
    def _selects(cls, at: str) -> str:
        return Input._compiles(at)


class Task(Frozen):
    """One unit of work for one worker."""

    id: TaskId
    objective: str = Field(min_length=1, max_length=100_000)
    inputs: dict[str, Input] = Field(default_factory=dict)
    needs: tuple[TaskId, ...] = ()
    """Tasks that must be accepted first although no input comes from them."""
    tools: tuple[str, ...] = ()
    output: dict[str, Json] = Field(default_factory=lambda: {"type": "object"})
    """JSON schema of the result."""
    accept: tuple[Check, ...] = ()
    criteria: tuple[str, ...] = ()
    """Acceptance criteria in words, for the judge, once everything that needs no model holds."""
    specialist: str = ""
    """Another specialist that does the task, with a plan of its own if it is a deep one; empty
    for a worker of the specialist whose plan this is."""
    group: str = ""
    """The template that this task was mapped from."""

    @model_validator(mode="after")
    def _output_is_an_object(self) -> Task:
        if self.output.get("type") != "object":
            raise ValueError("output must be a JSON schema of type object")
        return self


class Plan(Frozen):
    """A DAG of tasks. Construction checks shape only; `harness/check.py` checks the sense."""

    tasks: tuple[Task, ...]
    empty: tuple[str, ...] = ()
    """Templates that were mapped over an empty list: they stand for no task."""
    aliases: dict[str, str] = Field(default_factory=dict)
    """Ids of tasks that were merged into an equal one, each with the task that stands for it."""
    members: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Groups that lost a task to a merge: all their ids in plan order, merged ones too."""

    def __copy__(self) -> Plan:
        # What is cached below would survive `model_copy(update=…)` and speak of the old tasks.
        return Plan.model_construct(
            self.model_fields_set, **{name: getattr(self, name) for name in Plan.model_fields}
        )

    @cached_property
    def by_id(self) -> dict[str, Task]:
        return {task.id: task for task in self.tasks}

    @cached_property
    def groups(self) -> dict[str, tuple[str, ...]]:
        """Ids of mapped tasks by the template that they came from.

        A task that stands for several of one group is named several times, so that the group has
        as many outputs as its list has items.
        """
        found: dict[str, list[str]] = {name: [] for name in self.empty}
        for task in self.tasks:
            if task.group and task.group not in self.members:
                found.setdefault(task.group, []).append(task.id)
        merged = {
            name: tuple(self.aliases.get(id, id) for id in ids)
            for name, ids in self.members.items()
        }
        return {name: tuple(ids) for name, ids in found.items()} | merged

    def sources(self, reference: str) -> tuple[str, ...]:
        """The task ids that a reference stands for; empty for one that stands for nothing."""
        if reference in self.groups:
            return self.groups[reference]
        own = self.aliases.get(reference, reference)
        return (own,) if own in self.by_id else ()

    def knows(self, reference: str) -> bool:
        """Whether a reference stands for a task or for a group, be it an empty one."""
        own = self.aliases.get(reference, reference)
        return own in self.by_id or reference in self.groups

    def parents(self, task: Task) -> tuple[str, ...]:
        """Ids of the tasks whose acceptance `task` waits for, without repetition."""
        return self._parents[task.id]

    @cached_property
    def _parents(self) -> dict[str, tuple[str, ...]]:
        return {task.id: self._waited_for(task) for task in self.tasks}

    def _waited_for(self, task: Task) -> tuple[str, ...]:
        references: Iterable[str] = (
            *(source.source for source in task.inputs.values() if source.source != REQUEST),
            *task.needs,
        )
        found = (id for reference in references if reference for id in self.sources(reference))
        return tuple(dict.fromkeys(found))
