"""The specialist file: one Markdown file whose front matter is the workflow spec.

It names no vendor and no model, so that a workflow outlives the model that runs it today.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from pydantic import ConfigDict, Field, ValidationError, field_validator, model_validator

from harness.expand import Template
from harness.plan import Check, Frozen, Input
from runtime.canonical import Json
from runtime.errors import ConfigError
from runtime.labels import Label
from runtime.yaml_source import Located, complaints, load_yaml

_FRONT = re.compile(r"\A---\r?\n(.*?)^---\r?\n?(.*)\Z", re.DOTALL | re.MULTILINE)


class Intent(Frozen):
    """A class of requests that this specialist serves, shown by examples."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    examples: tuple[str, ...] = Field(min_length=3)


class Read(Frozen):
    """A read through the gateway that fills an input before the plan is made."""

    tool: str
    arguments: dict[str, Json] = Field(default_factory=dict)
    select: str = "@"

    @field_validator("select")
    @classmethod
    def _selects(cls, select: str) -> str:
        return Input._compiles(select)


class SpecInput(Frozen):
    """One input of a specialist and where it is taken from."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    description: str = ""
    json_schema: dict[str, Json] = Field(alias="schema")
    given: Literal["request", "upstream", "specialists"] = "request"
    """`request`: the words of the request; `upstream`: results of the dispatches that this one
    needs; `specialists`: what the other specialists do."""
    match: str = ""
    """A regular expression: the input is its first match in the request."""
    read: Read | None = None
    """A tool that supplies the value. Only trusted tools: the plan is made from it."""

    @field_validator("match")
    @classmethod
    def _is_regular(cls, match: str) -> str:
        try:
            re.compile(match)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        return match


class PlanSpec(Frozen):
    """The author's plan: taken as it is (`spec`), or the outline for the planner (`model`)."""

    by: Literal["spec", "model"] = "spec"
    tasks: tuple[Template, ...] = Field(min_length=1)


class Output(Frozen):
    """One named output, composed from accepted results without a model."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    source: str | tuple[str, ...] = Field(alias="from")
    """A task id or a group of mapped tasks; for several, `select` sees an object by their names."""
    select: str = "@"

    @field_validator("select")
    @classmethod
    def _selects(cls, select: str) -> str:
        return Input._compiles(select)

    @property
    def sources(self) -> tuple[str, ...]:
        """The tasks and groups that the output is composed from."""
        return (self.source,) if isinstance(self.source, str) else self.source


class Section(Frozen):
    """One part of the written answer. Exactly one of text, table, list and cited is set."""

    title: str = ""
    text: str = ""
    """Words with `{name}` for each of `values`."""
    values: dict[str, str] = Field(default_factory=dict)
    """JMESPath into the outputs, by name."""
    table: str = ""
    """JMESPath to a list of objects, shown with `columns`."""
    columns: tuple[str, ...] = ()
    items: str = ""
    """JMESPath to a list; each item is shown by `text` (fields in braces), or as it is."""
    cited: str = ""
    """JMESPath to a list of {text, citations}: sentences, each with its sources."""

    @model_validator(mode="after")
    def _is_one_thing(self) -> Section:
        shown = [name for name in ("table", "items", "cited") if getattr(self, name)]
        if len(shown) > 1 or not (shown or self.text):
            raise ValueError("set exactly one of table, items, cited, or text alone")
        for expression in (self.table, self.items, self.cited, *self.values.values()):
            Input._compiles(expression or "@")
        return self


class Success(Frozen):
    """What a good answer is, for the judge."""

    criteria: tuple[str, ...] = ()
    bar: float = Field(default=0.7, ge=0, le=1)


class Escalation(Frozen):
    """Who takes over, and when."""

    to: str = Field(min_length=1)
    when: str = Field(min_length=1)


class Specialist(Frozen):
    """The workflow spec. `file` and `instructions` come from the file itself."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{1,63}$")
    kind: Literal["react", "deep"]
    summary: str = Field(min_length=10, max_length=300)
    intents: tuple[Intent, ...] = ()
    fallback: bool = False
    """True for the one specialist that takes what no other is sure of."""
    inputs: dict[str, SpecInput] = Field(default_factory=dict)
    outputs: dict[str, Json] = Field(default_factory=dict)
    """`react`: the JSON schema of the result. `deep`: named outputs, see `Output`."""
    accept: tuple[Check, ...] = ()
    """`react`: acceptance criteria of the result."""
    tools: tuple[str, ...] = ()
    data: Label = Label.internal
    untrusted: tuple[str, ...] = ()
    guardrails: tuple[str, ...] = ()
    success: Success = Success()
    effort: str = "standard"
    plan: PlanSpec | None = None
    answer: tuple[Section, ...] = ()
    approval: Literal["plan", "effects", "none"] = "none"
    escalation: Escalation
    owner: str = Field(min_length=3)
    on_behalf_of: str = ""
    decides: str = ""
    instructions: str = Field(min_length=20)
    file: Path

    @property
    def composed(self) -> dict[str, Output]:
        """The outputs of a deep specialist."""
        return {name: Output.model_validate(value) for name, value in self.outputs.items()}

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Specialist:
        if self.kind == "deep":
            if self.plan is None:
                raise ValueError("a deep specialist needs 'plan'")
            if not self.outputs or not self.answer:
                raise ValueError("a deep specialist needs 'outputs' and 'answer'")
            self._outputs_exist()
        elif self.plan is not None:
            raise ValueError("'plan' belongs to kind 'deep'")
        elif self.outputs.get("type") != "object":
            raise ValueError("'outputs' of a react specialist is a JSON schema of type object")
        if not self.intents and not self.fallback:
            raise ValueError("without 'intents' no request can reach this specialist")
        return self

    def _outputs_exist(self) -> None:
        tasks = {template.id for template in self.plan.tasks} if self.plan else set()
        for name, output in self.composed.items():
            for source in output.sources:
                if source not in tasks:
                    raise ValueError(f"output {name!r} comes from {source!r}, no task of the plan")


def problems_of(file: Path) -> Specialist | list[ConfigError]:
    """The specialist that a file holds, or everything that is wrong with the file."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return [ConfigError(f"cannot be read: {error}", file=file, remedy="Save it as UTF-8 text.")]
    match = _FRONT.match(text)
    if match is None:
        return [
            ConfigError(
                "there is no front matter",
                file=file,
                line=1,
                remedy="Begin the file with a line '---', the spec in YAML, and a line '---'.",
            )
        ]
    return _parse(file, match.group(1), match.group(2).strip())


def _parse(file: Path, front: str, body: str) -> Specialist | list[ConfigError]:
    try:
        source = load_yaml(front, file, first_line=2)
    except ConfigError as error:
        return [error]
    if not isinstance(source.data, dict):
        return [
            ConfigError(
                "the front matter is not a mapping", file=file, line=2, remedy="Write 'key: value'."
            )
        ]
    return _validated(file, source, body)


def _validated(file: Path, source: Located, body: str) -> Specialist | list[ConfigError]:
    try:
        found = Specialist.model_validate(source.data | {"instructions": body, "file": file})
    except ValidationError as error:
        return complaints(error, source, file)
    if found.name != file.stem:
        return [
            ConfigError(
                f"the name {found.name!r} is not the file's name {file.stem!r}",
                file=file,
                line=source.line(["name"]),
                field="name",
                remedy=f"Rename the file to {found.name}.md, or set name: {file.stem}.",
            )
        ]
    return found
