"""`switchyard check`: every file that an operator edits, loaded and held against the others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import click
from pydantic import BaseModel, ValidationError

from agents.limits import LimitsFile
from agents.routing.settings import Routing
from app.check_intents import Warned, problems_of_intents, warnings_of_intents
from app.check_plans import problems_of_plan
from app.check_routing import problems_of_routing
from app.check_specialists import Known, problems_of_one
from app.facade_config import problems_of_facade
from app.parts import Parts, parts_of
from app.spec_source import read_all
from ledger.store import open_ledger
from models.config import load_models
from models.encoder import open_encoder
from runtime.canonical import Json
from runtime.errors import ConfigError
from runtime.settings import Settings
from runtime.yaml_source import complaints, load_yaml
from tools.catalogue import ToolEntry
from tools.config import FILES, ToolsConfig, read_tools
from tools.gateway import open_gateway
from tools.policy import Policy
from tools.resolve import check_tools
from tools.rule_types import mistakes_of_types
from tools.rules import read_rules

M = TypeVar("M", bound=BaseModel)

_SHOWN = 20
"""Warnings that are printed; hundreds of them would hide the problems."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was looked at, and everything that is wrong with it."""

    parts: Parts
    problems: list[ConfigError]
    warnings: list[Warned]
    """What works and may not be meant: intents that are easily confused, the worst first."""
    counts: Mapping[str, int]
    """How many of each kind were read."""

    @property
    def warned(self) -> bool:
        """Whether there is a warning that is not a mild one."""
        return any(not one.mild for one in self.warnings)


async def check_all(settings: Settings, path: str | None, *, start_tools: bool) -> Report:
    """Check an installation, or the folder `path` with the installation for what it lacks.

    Args:
        start_tools: Start the tool servers, to learn which tools there are.

    Raises:
        RequestError: `path` holds nothing that can be checked.
    """
    parts = parts_of(settings, path)
    sources, problems = read_all(parts.specialists)
    limits, wrong = _limits(parts.limits)
    problems += wrong
    routing, wrong = _read(parts.routing, Routing)
    problems += wrong + _models(parts.models)
    named = {file.stem for file in parts.specialists.glob("*.md")}
    problems += problems_of_routing(parts.routing, routing, named)
    rules, mistakes = read_rules(parts.policy)
    problems += mistakes
    environment = settings.for_servers()
    broken = check_tools(parts.tools, environment)
    tools = read_tools(parts.tools)
    config = tools if isinstance(tools, ToolsConfig) else None
    policy = Policy(rules)
    async with _learnt(config if start_tools else None, policy, environment) as learnt:
        known = Known(
            names=frozenset(source.specialist.name for source in sources),
            limits=limits,
            servers=frozenset((*config.servers, FILES)) if config else None,
            catalogue=learnt.catalogue if config and start_tools else None,
            unavailable=learnt.unavailable,
            policy=None if mistakes else policy,
        )
        problems += mistakes_of_types(
            rules,
            learnt.catalogue.values(),
            complete=bool(known.catalogue) and not known.unavailable,
        )
    problems += broken + _not_started(config, learnt.unavailable, broken)
    if config is not None:
        problems += problems_of_facade(parts.facade, config, tuple(known.catalogue or ()))
    for source in sources:
        problems += [*problems_of_one(source, known), *problems_of_plan(source, limits)]
    problems += problems_of_intents(sources)
    return Report(
        parts=parts,
        problems=_sorted(problems),
        warnings=await asyncio.to_thread(warnings_of_intents, sources, open_encoder()),
        counts={
            "specialist": len(sources),
            "tool server": len(config.servers) if config else 0,
            "tool": len(learnt.catalogue),
            "policy rule": len(rules),
        },
    )


def report_json(report: Report) -> Json:
    """The report as data."""
    return {
        "problems": [_json(one) for one in report.problems],
        "warnings": [_json(one.told) | {"mild": one.mild} for one in report.warnings],
        "counts": dict(report.counts),
    }


def _json(one: ConfigError) -> dict[str, Json]:
    return {
        "file": one.file,
        "line": one.line,
        "field": one.field,
        "reason": one.reason,
        "remedy": one.remedy,
    }


def show_report(report: Report) -> None:
    """Print each problem with file, line, reason and remedy, the warnings, then a sum."""
    for one in report.problems:
        _show(one)
    for warned in report.warnings[:_SHOWN]:
        word, colour = ("note", "cyan") if warned.mild else ("warning", "yellow")
        _show(warned.told, click.style(f"{word}: ", fg=colour))
    if (more := len(report.warnings) - _SHOWN) > 0:
        click.echo(f"and {more} more warnings (--json has all of them)")
    counts = ", ".join(_number(size, name) for name, size in report.counts.items())
    if report.problems:
        problems = _number(len(report.problems), "problem")
        files = _number(len({one.file for one in report.problems}), "file")
        click.echo(f"\n{problems} in {files} ({counts} read).")
    else:
        size = sum(not one.mild for one in report.warnings)
        warnings = f", {_number(size, 'warning')}" if size else ""
        click.echo(f"No problems{warnings}: {counts}.")


def _show(one: ConfigError, word: str = "") -> None:
    place = click.style(f"{_near(one.file)}:{one.line}", bold=True)
    click.echo(f"{place}: {word}{' '.join(one.reason.split())}")
    click.echo(f"    remedy: {one.remedy}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Learnt:
    catalogue: Mapping[str, ToolEntry]
    unavailable: Mapping[str, str]


@asynccontextmanager
async def _learnt(
    config: ToolsConfig | None, policy: Policy, environment: Mapping[str, str]
) -> AsyncIterator[_Learnt]:
    """What the tool servers say of themselves. Nothing is called, so nothing is recorded."""
    if config is None:
        yield _Learnt(catalogue={}, unavailable={})
        return
    async with (
        open_ledger("sqlite+aiosqlite://") as ledger,
        open_gateway(config, policy, ledger, environment=environment) as gateway,
    ):
        yield _Learnt(catalogue=dict(gateway.catalogue), unavailable=dict(gateway.unavailable))


def _read(file: Path, model: type[M]) -> tuple[M | None, list[ConfigError]]:
    """A YAML file, or everything that is wrong with it."""
    try:
        source = load_yaml(file.read_text(encoding="utf-8"), file)
    except (OSError, UnicodeDecodeError) as error:
        remedy = f"Restore {file.name} as UTF-8 text."
        return None, [ConfigError(f"cannot be read: {error}", file=file, remedy=remedy)]
    except ConfigError as error:
        return None, [error]
    try:
        return model.model_validate(source.data), []
    except ValidationError as error:
        return None, complaints(error, source, file)


def _limits(file: Path) -> tuple[LimitsFile | None, list[ConfigError]]:
    limits, wrong = _read(file, LimitsFile)
    if limits is not None and "standard" not in limits.classes:
        remedy = "Add classes.standard, which stands in where nothing else fits."
        told = "the class 'standard' is missing"
        return None, [ConfigError(told, file=file, line=1, field="classes", remedy=remedy)]
    return limits, wrong


def _models(file: Path) -> list[ConfigError]:
    try:
        load_models(file)
    except ConfigError as error:
        return [error]
    return []


def _not_started(
    config: ToolsConfig | None, unavailable: Mapping[str, str], told: list[ConfigError]
) -> list[ConfigError]:
    """A problem for each server that did not start and of which nothing was told before."""
    if config is None:
        return []
    named = {one.field.split(".")[1] for one in told if one.field.startswith("mcpServers.")}
    return [
        config.error(
            f"server {server!r} does not start: {reason}",
            keys=("mcpServers", server),
            remedy="Run its command by hand to see why; the other servers keep working.",
        )
        for server, reason in unavailable.items()
        if server not in named
    ]


def _number(size: int, name: str) -> str:
    return f"{size} {name}" if size == 1 else f"{size} {name}s"


def _sorted(problems: list[ConfigError]) -> list[ConfigError]:
    return sorted(problems, key=lambda one: (one.file, one.line, one.reason))


def _near(file: str) -> str:
    """The file as seen from the working folder, where that is shorter."""
    here = Path.cwd()
    path = Path(file)
    return str(path.relative_to(here)) if path.is_relative_to(here) else file
