"""An installation for a benchmark: our configuration with every tier on the scripted provider,
one tool server, limits that are the benchmark's own, and specialists with static plans."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from bench.brain import TOOLS, objective
from bench.dags import Dag, Step
from bench.job import ASSIGNMENTS, READ, REQUEST, SYSTEM, Assignment
from bench.world import World
from runtime.canonical import Json
from runtime.settings import ROOT, Settings
from tests.models.door import entry

TIERS = ("route", "plan", "work", "judge", "embed")
JOB = "purchasing-round"
"""The specialist of the fixed job."""

_POLICY = """
@id("bench/declared")
@reason("The benchmark permits what a specialist declares, effects too, without asking.")
permit (principal, action, resource)
when { context.declared };
"""


def install(home: Path, world: World, width: int) -> Settings:
    """Write the configuration below `home`; specialists are added to `settings.specialists`."""
    settings = install_offline(home, width)
    config = settings.config
    entries = [
        entry(f"bench-{tier}", tier=tier, model="openai/scripted", base=world.provider, timeout=300)
        for tier in TIERS
    ]
    (config / "models.yaml").write_text("model_list:\n" + "".join(entries))
    (config / "mcp.json").write_text(json.dumps(_servers(world)))
    return settings


def install_offline(home: Path, width: int) -> Settings:
    """The same on the offline model, without any tool server."""
    config, specialists = home / "config", home / "specialists"
    shutil.copytree(ROOT / "config", config)
    specialists.mkdir()
    (config / "mcp.json").write_text(json.dumps({"mcpServers": {}}))
    (config / "limits.yaml").write_text(json.dumps(_limits(width)))
    shutil.rmtree(config / "policy")
    (config / "policy").mkdir()
    (config / "policy" / "bench.cedar").write_text(_POLICY)
    return Settings(home=home / "state", config=config, specialists=specialists)


def _servers(world: World) -> Json:
    terms = {
        "label": "internal",
        "cleared_for": "internal",
        "untrusted": False,
        "actions": {"record": "write", "send": "send"},
        "keys": {"record": "key"},
    }
    return {"mcpServers": {"world": {"type": "http", "url": world.tools, "switchyard": terms}}}


def _limits(width: int) -> Json:
    limits = {
        "tasks": 500,
        "width": width,
        "attempts": 2,
        "escalations": 0,
        "model_calls": 8,
        "tool_calls": 8,
        "repeated_calls": 2,
        "task_seconds": 600,
    }
    return {"request_dollars": 1_000_000, "classes": {"standard": limits}}


def add_dag(settings: Settings, dag: Dag, effects: Sequence[str] = ()) -> str:
    """A specialist whose plan is the DAG; its name.

    `effects` names tools of the world (`record`, `send`) that every second task calls.
    """
    tasks = [_task(dag, step, effects if step.number % 2 else ()) for step in dag.steps]
    _write(
        settings,
        name=dag.name,
        tools=[f"world_{name}" for name in TOOLS],
        tasks=tasks,
        inputs={"job": {"schema": {"type": "string"}}},
        outputs={"steps": {"from": [step.id for step in dag.steps]}},
        answer=[{"items": "steps.*.[value, note][]"}],
    )
    return dag.name


def _task(dag: Dag, step: Step, effects: Sequence[str]) -> Json:
    tools = [*(["look_up"] if step.reads or effects else []), *effects]
    waits = [dag.steps[parent].id for parent in step.parents]
    return {
        "id": step.id,
        "objective": objective(dag, step),
        "inputs": {
            "job": {"from": "request", "select": "job"},
            # What tells the tasks apart, which otherwise say nearly the same.
            "step": {"value": step.id},
            **{id: {"from": id, "select": "value"} for id in waits},
        },
        "tools": [f"world_{name}" for name in tools],
        "output": _object(value=True, note=True, evidence=False),
    }


def add_job(settings: Settings, *, by: str, judged: bool) -> str:
    """The specialist of the fixed job; its plan is drawn by its file (`spec`) or by a `model`."""
    tasks = [_assignment(one, judged=judged) for one in ASSIGNMENTS.values()]
    _write(
        settings,
        name=JOB,
        tools=[f"world_{READ}"],
        tasks=tasks,
        inputs={},
        outputs={"findings": {"from": list(ASSIGNMENTS)}},
        answer=[{"items": "findings.*.text"}],
        by=by,
    )
    return JOB


def _assignment(one: Assignment, *, judged: bool) -> Json:
    criteria = [
        "Every figure stands in the source or in the reviews that were given.",
        "What was asked for is there, or it is said to be missing.",
    ]
    return {
        "id": one.id,
        "objective": one.objective,
        "inputs": {id: {"from": id, "select": "text"} for id in one.needs},
        "tools": [f"world_{READ}"],
        "output": _object(text=True, evidence=True),
        "accept": [{"check": "regex", "at": "text", "pattern": r"^\[(review|compare)-\d\] "}],
        **({"criteria": criteria} if judged else {}),
    }


def _object(*, evidence: bool, **fields: bool) -> Json:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [*fields, *(["evidence"] if evidence else [])],
        "properties": {
            **{name: {"type": "string"} for name in fields},
            "evidence": {"type": "array", "items": {"type": "string"}},
        },
    }


def _write(
    settings: Settings,
    *,
    name: str,
    tools: list[str],
    tasks: list[Json],
    inputs: Json,
    outputs: Json,
    answer: Json,
    by: str = "spec",
) -> None:
    """One specialist file. JSON is YAML, so the front matter needs no writer of its own."""
    front = {
        "name": name,
        "kind": "deep",
        "summary": f"Carries out the plan {name} of a benchmark.",
        "intents": [{"name": name, "examples": [f"{verb} {name}" for verb in ("do", "run", "go")]}],
        "inputs": inputs,
        "outputs": outputs,
        "tools": tools,
        "effort": "standard",
        "plan": {"by": by, "tasks": tasks},
        "answer": answer,
        "escalation": {"to": "nobody", "when": "never"},
        "owner": "team: bench",
    }
    text = f"---\n{json.dumps(front, indent=1)}\n---\n{SYSTEM}\n"
    (settings.specialists / f"{name}.md").write_text(text)


__all__ = ["JOB", "REQUEST", "add_dag", "add_job", "install"]
