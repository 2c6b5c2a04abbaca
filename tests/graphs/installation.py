"""An installation of a test's own: its specialists, its limits, its tool servers, one model.

Everything is written as files and read by the real rooms, so a test knows no insides of them.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import yaml
from langgraph.types import Command

from runtime.canonical import Json
from runtime.settings import ROOT
from tests.graphs.driver import Driver, Told, driver
from tests.models.door import entry
from tests.provider import ScriptedProvider

TIERS = ("route", "plan", "work", "judge", "embed")
_VERBS = ("test", "probe", "examine")
LIMITS: Mapping[str, Json] = {
    "tasks": 60,
    "width": 6,
    "attempts": 1,
    "escalations": 1,
    "asks": 0,
    "replans": 0,
    "near_duplicates": 500,
    "solo_tasks": 0,
    "model_calls": 8,
    "tool_calls": 12,
    "repeated_calls": 2,
    "task_seconds": 60,
}
"""One attempt on each of two tiers, and nothing that would take work away from the workers."""
TERMS: Mapping[str, Json] = {
    "cleared_for": "internal",
    "timeout_seconds": 10,
    "max_bytes": 100_000,
}


def scripted_server(folder: Path) -> Json:
    """The scripted tool server of `tests/tools`; its calls are lines of `folder/calls`."""
    return {
        "command": sys.executable,
        "args": ["-S", "-E", str(ROOT / "tests" / "tools" / "servers" / "scripted.py")],
        "env": {"CALLS": str(folder / "calls")},
        "switchyard": dict(TERMS),
    }


def received(folder: Path) -> list[Json]:
    """Every call that reached the scripted tool server, in order."""
    file = folder / "calls"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def specialist(
    name: str,
    tasks: Sequence[Mapping[str, Json]],
    *,
    outputs: Mapping[str, Json],
    tools: Sequence[str] = (),
    by: str = "spec",
    inputs: Mapping[str, Json] | None = None,
    **more: Json,
) -> str:
    """The text of a deep specialist's file; a person decides on its effects unless told else."""
    front = {
        "name": name,
        "kind": "deep",
        "summary": f"Carries out the plan of the test {name}.",
        "intents": [{"name": name, "examples": [f"{verb} the {name}" for verb in _VERBS]}],
        "inputs": {"request": {"schema": {"type": "string"}}} | dict(inputs or {}),
        "outputs": dict(outputs),
        "tools": list(tools),
        "plan": {"by": by, "tasks": [dict(task) for task in tasks]},
        "answer": [{"text": "Done as far as it could be done."}],
        "approval": "effects",
        "escalation": {"to": "team: desk", "when": "A task fails."},
        "owner": "team: desk",
    } | more
    return f"---\n{yaml.safe_dump(front, sort_keys=False)}---\nDo exactly what the task says.\n"


def written(
    home: Path,
    *,
    provider: ScriptedProvider | None = None,
    servers: Mapping[str, Json] | None = None,
    limits: Mapping[str, Mapping[str, Json]] | None = None,
    timeout: float = 10.0,
) -> Path:
    """A configuration below `home`. `servers` names bundled ones (None) or gives new ones;
    `limits` gives effort classes by what differs from `LIMITS`; `timeout` is the models'."""
    folder = home / "config"
    shutil.copytree(ROOT / "config", folder)
    known = json.loads((folder / "mcp.json").read_text())["mcpServers"]
    kept = {name: terms or known[name] for name, terms in (servers or {}).items()}
    (folder / "mcp.json").write_text(json.dumps({"mcpServers": kept}))
    classes: dict[str, Mapping[str, Json]] = {"standard": {}} | dict(limits or {})
    text = {
        "request_dollars": 100.0,
        "classes": {name: {**LIMITS, **changes} for name, changes in classes.items()},
    }
    (folder / "limits.yaml").write_text(yaml.safe_dump(text))
    if provider:
        base = provider.openai_base
        deployments = [
            entry(
                f"scripted-{tier}", tier=tier, model="openai/scripted", base=base, timeout=timeout
            )
            for tier in TIERS
        ]
        (folder / "models.yaml").write_text("model_list:\n" + "".join(deployments))
    return folder


@asynccontextmanager
async def installation(
    home: Path,
    *specialists: str,
    config: Path | None = None,
    **settings: object,
) -> AsyncIterator[Driver]:
    """A driver over these specialist files; `config` is what `written` gave."""
    folder = home / "specialists"
    folder.mkdir(parents=True, exist_ok=True)
    for text in specialists:
        name = yaml.safe_load(text.split("---\n")[1])["name"]
        (folder / f"{name}.md").write_text(text)
    chosen: dict[str, object] = {"config": config} if config else {}
    async with driver(home, specialists=folder, **chosen, **settings) as opened:
        yield opened


async def go_on(driver: Driver, thread: str, decision: str = "approve") -> Told:
    """Answer every open question of a paused thread alike, and take what it answers in the end."""
    config: Json = {"configurable": {"thread_id": thread}}
    state = await driver.graph.aget_state(config)
    answers = {
        one.id: {"approval": one.value["approval"], "decision": decision}
        for one in state.interrupts
    }
    ended = await driver.graph.ainvoke(Command(resume=answers), config)
    return Told(answer=ended["answer"], message=ended["messages"][-1].text)
