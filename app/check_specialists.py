"""What a specialist file can get wrong although it loads: names, effort, escalation, tools."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from agents.limits import LimitsFile
from app.spec_source import Source
from app.vendors import names_in
from runtime.canonical import Json
from runtime.errors import ConfigError
from tools.catalogue import ToolEntry
from tools.entities import Asked
from tools.policy import Policy

_PERSON = re.compile(r"(?:team|person): ?\S.*|[^@\s]+@[^@\s]+")
"""Who is no specialist: `team: x`, `person: x`, or an e-mail address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What specialists are held against. None where that part does not load by itself."""

    names: frozenset[str]
    limits: LimitsFile | None
    servers: Collection[str] | None
    catalogue: Mapping[str, ToolEntry] | None
    """None when no tool server was started."""
    unavailable: Mapping[str, str]
    policy: Policy | None


def problems_of_one(source: Source, known: Known) -> Iterator[ConfigError]:
    """Everything that can be said of one specialist by itself."""
    yield from _vendors(source)
    yield from _effort(source, known)
    yield from _escalation(source, known)
    yield from _schemas(source)
    yield from _tools(source, known)
    yield from _reads(source, known)
    yield from _untrusted(source)


def _vendors(source: Source) -> Iterator[ConfigError]:
    for line, name in names_in(source.text):
        yield source.problem(
            (),
            f"{name!r} names a vendor or a model",
            "Remove it: a specialist outlives the model that runs it. Models are chosen in"
            " config/models.yaml.",
            line=line,
        )


def _effort(source: Source, known: Known) -> Iterator[ConfigError]:
    effort = source.specialist.effort
    if known.limits is not None and effort not in known.limits.classes:
        yield source.problem(
            ["effort"],
            f"there is no effort class {effort!r}",
            f"Use one of: {', '.join(known.limits.classes)} (config/limits.yaml).",
        )


def _escalation(source: Source, known: Known) -> Iterator[ConfigError]:
    one, to = source.specialist, source.specialist.escalation.to
    if to == one.name:
        yield source.problem(
            ["escalation", "to"],
            "it escalates to itself",
            "Name another specialist, or a person: 'team: …', 'person: …', or an e-mail address.",
        )
    elif to not in known.names and not _PERSON.fullmatch(to):
        yield source.problem(
            ["escalation", "to"],
            f"{to!r} is neither a specialist nor a person",
            f"Name a specialist ({_some(known.names - {one.name})}), or write"
            " 'team: …', 'person: …', or an e-mail address.",
        )


def _schemas(source: Source) -> Iterator[ConfigError]:
    one = source.specialist
    places: list[tuple[list[str | int], Json]] = [
        (["inputs", name, "schema"], given.json_schema) for name, given in one.inputs.items()
    ]
    if one.kind == "react":
        places.append((["outputs"], one.outputs))
        if "answer" not in one.outputs.get("properties", {}):
            yield source.problem(
                ["outputs"],
                "the outputs have no property 'answer', so the caller would get no text",
                "Add 'answer: {type: string, minLength: 1}' to outputs.properties.",
            )
    for at, task in enumerate(one.plan.tasks if one.plan else ()):
        places.append((["plan", "tasks", at, "output"], task.output))
    for path, schema in places:
        try:
            Draft202012Validator.check_schema(schema)
        except SchemaError as error:
            inner = [*path, *error.absolute_path]
            yield source.problem(
                inner, f"this is no JSON schema: {error.message[:160]}", "Mend the schema."
            )


def _untrusted(source: Source) -> Iterator[ConfigError]:
    for at, name in enumerate(source.specialist.untrusted):
        if name not in source.specialist.inputs:
            yield source.problem(
                ["untrusted", at],
                f"{name!r} is no input of this specialist",
                f"Inputs are: {', '.join(source.specialist.inputs) or 'none'}. What a tool returns"
                " is untrusted by the terms of its server in config/mcp.json.",
            )


def _tools(source: Source, known: Known) -> Iterator[ConfigError]:
    one = source.specialist
    for at, tool in enumerate(one.tools):
        path: list[str | int] = ["tools", at]
        yield from _unknown(source, path, tool, known) or _denied(source, path, tool, known)
    for at, task in enumerate(one.plan.tasks if one.plan else ()):
        for place, tool in enumerate(task.tools):
            if tool not in one.tools:
                yield source.problem(
                    ["plan", "tasks", at, "tools", place],
                    f"task {task.id!r} uses {tool!r}, which the file does not list under 'tools'",
                    "Add it to 'tools', or take it out of the task; undeclared tools are denied.",
                )


def _unknown(source: Source, path: list[str | int], tool: str, known: Known) -> list[ConfigError]:
    server = tool.partition("_")[0]
    if known.servers is not None and server not in known.servers:
        told = f"there is no tool {tool!r}: no tool server is called {server!r}"
        remedy = f"Servers are: {', '.join(sorted(known.servers)) or 'none'} (config/mcp.json)."
        return [source.problem(path, told, remedy)]
    if known.catalogue is None or tool in known.catalogue or server in known.unavailable:
        return []
    mine = [name for name in known.catalogue if name.startswith(f"{server}_")]
    near = get_close_matches(tool, mine, n=1)
    remedy = f"Did you mean {near[0]!r}? " if near else ""
    remedy += f"The server has: {_some(mine)}."
    return [source.problem(path, f"there is no tool {tool!r}", remedy)]


def _some(names: Collection[str]) -> str:
    """The first names of a list that may be long."""
    shown = sorted(names)[:12]
    more = f" and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
    return (", ".join(shown) or "none") + more


def _denied(source: Source, path: list[str | int], tool: str, known: Known) -> list[ConfigError]:
    """A tool that policy would deny to this specialist, whatever the arguments."""
    entry = known.catalogue.get(tool) if known.catalogue else None
    if entry is None or known.policy is None:
        return []
    decision = known.policy.decide(_question(source, entry))
    if decision.verdict != "deny":
        return []
    by = f" ({', '.join(decision.policies)})" if decision.policies else ""
    return [
        source.problem(
            path,
            f"policy denies {tool!r} to this specialist{by}: {decision.reason}",
            "Take the tool out, lower 'data', or permit it in config/policy/.",
        )
    ]


def _question(source: Source, entry: ToolEntry) -> Asked:
    one = source.specialist
    return Asked(
        specialist=one.name,
        tenant="local",
        user="local",
        task="check",
        tool=entry.name,
        server=entry.server,
        action=entry.action,
        declared=True,
        foreseen=True,
        label=one.data,
        cleared_for=entry.cleared_for,
        asks_effects=one.approval == "effects",
        kinds=entry.kinds,
    )


def _reads(source: Source, known: Known) -> Iterator[ConfigError]:
    """Inputs that a tool supplies: plans are made from them, so only trusted reads may."""
    for name, given in source.specialist.inputs.items():
        if given.read is None:
            continue
        path: list[str | int] = ["inputs", name, "read"]
        entry = known.catalogue.get(given.read.tool) if known.catalogue else None
        if given.read.tool not in source.specialist.tools:
            yield source.problem(
                path,
                f"input {name!r} is read with {given.read.tool!r}, which is not under 'tools'",
                "Add it to 'tools'; undeclared tools are denied.",
            )
        elif entry is not None and (entry.effect or entry.untrusted):
            yield source.problem(
                path,
                f"{given.read.tool!r} has effects or is untrusted, and plans are made from inputs",
                "Call it in a task of the plan, or mark its server trusted in config/mcp.json.",
            )
