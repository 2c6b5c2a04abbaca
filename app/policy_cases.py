"""Written cases of the policies: a situation, and the verdict that it is to have.

A case needs no tool server and no clock: everything that a decision depends on is in its file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from runtime.canonical import Json
from runtime.errors import ConfigError, RequestError
from runtime.labels import Label
from runtime.yaml_source import Located, complaints, load_yaml
from tools.catalogue import Deed
from tools.entities import Asked
from tools.policy import Decision, Policy, Verdict
from tools.projection import kinds_of_values
from tools.provenance import ArgumentOrigin, Origin, Provenance

Argument = bool | int | float | str | list[str]


class Case(BaseModel):
    """A call in its situation, and what is to become of it. The defaults are the harmless ones."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    case: str = Field(min_length=1)
    """What it shows, as a sentence."""
    specialist: str = "specialist"
    tenant: str = "local"
    user: str = "local"
    task: str = "d1"
    tool: str = Field(min_length=1)
    server: str = ""
    """Empty for the one that the tool's name begins with."""
    action: Deed
    declared: bool = True
    foreseen: bool = True
    asks_effects: bool = False
    label: Label = Label.internal
    cleared_for: Label = Label.internal
    tainted: bool | None = None
    """Whether text of strangers was read before; without a word, where `origins` has any."""
    origins: dict[str, Origin] = {}
    """Where the arguments that matter come from, by name."""
    args: dict[str, Argument] = {}
    spent_share: int = 0
    hour: int = Field(default=12, ge=0, le=23)
    weekday: int = Field(default=1, ge=1, le=7)
    expect: Verdict
    policies: tuple[str, ...] | None = None
    """Ids of exactly the rules that decide; None where only the verdict matters."""

    def asked(self) -> Asked:
        """The situation as the question that is put to the policies."""
        tainted = bool(self.origins) if self.tainted is None else self.tainted
        return Asked(
            specialist=self.specialist,
            tenant=self.tenant,
            user=self.user,
            task=self.task,
            tool=self.tool,
            server=self.server or self.tool.partition("_")[0],
            action=self.action,
            declared=self.declared,
            foreseen=self.foreseen,
            label=self.label,
            cleared_for=self.cleared_for,
            asks_effects=self.asks_effects,
            provenance=Provenance(
                tainted=tainted,
                arguments=tuple(
                    ArgumentOrigin(name=name, origin=origin, shown="", source="the case")
                    for name, origin in self.origins.items()
                ),
            ),
            spent_share=self.spent_share,
            hour=self.hour,
            weekday=self.weekday,
            arguments=self.args,
            kinds=kinds_of_values(self.args),
        )


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    usual: dict[str, Json] = {}
    """What each case has that does not say otherwise."""
    cases: list[dict[str, Json]] = Field(min_length=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A case and where it is written."""

    case: Case
    file: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A case held against the policies."""

    placed: Placed
    decision: Decision
    met: frozenset[str]
    """Ids of every rule that the case meets."""

    @property
    def as_expected(self) -> bool:
        """Whether it came out as it is written."""
        case = self.placed.case
        same = case.policies is None or tuple(sorted(case.policies)) == self.decision.policies
        return same and case.expect == self.decision.verdict


def case_files(folder: Path, given: Iterable[Path] = ()) -> list[Path]:
    """The files that were named, or those of the policy folder.

    Raises:
        RequestError: there is none.
    """
    files = list(given) or sorted(folder.glob("*.cases.yaml"))
    if not files:
        raise RequestError(
            "there is no *.cases.yaml file here",
            field="cases",
            value=str(folder),
            remedy="Write one beside the policies, or name a file; docs/policy.md shows the form.",
        )
    return files


def read_cases(file: Path) -> list[Placed]:
    """The cases of one file, in its order.

    Raises:
        ConfigError: the first mistake in it, with line and field.
    """
    try:
        source = load_yaml(file.read_text(encoding="utf-8"), file)
    except (OSError, UnicodeDecodeError) as error:
        remedy = "Name a YAML file in UTF-8; docs/policy.md shows the form."
        raise ConfigError(f"cannot be read: {error}", file=file, remedy=remedy) from error
    try:
        read = _File.model_validate(source.data)
    except ValidationError as error:
        raise complaints(error, source, file)[0] from error
    return [_placed(at, one, read.usual, source, file) for at, one in enumerate(read.cases)]


def hold(policy: Policy, cases: Iterable[Placed]) -> list[Held]:
    """Every case decided by these policies."""
    held = []
    for placed in cases:
        question = placed.case.asked()
        met = frozenset(rule.id for rule in policy.applied(question).met)
        held.append(Held(placed=placed, decision=policy.decide(question), met=met))
    return held


def _placed(
    at: int, one: Mapping[str, Json], usual: Mapping[str, Json], source: Located, file: Path
) -> Placed:
    try:
        case = Case.model_validate({**usual, **one})
    except ValidationError as error:
        told = complaints(error, source, file)[0]
        head = told.field.partition(".")[0]
        path: list[str | int] = ["usual", head] if head in usual and head not in one else []
        raise ConfigError(
            told.reason,
            file=file,
            line=source.line(path or ["cases", at, head]),
            field=told.field,
            remedy=f"{told.remedy.removesuffix(' docs/configuration.md lists every field.')}"
            " docs/policy.md lists the fields of a case.",
        ) from error
    return Placed(case=case, file=str(file), line=source.line(["cases", at]))
