"""The command line over a small installation of its own: real rooms, a temporary home."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from app.cli import main
from runtime.settings import ROOT

Invoke = Callable[..., Result]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, and nothing from the surroundings that could change what runs."""
    for name in list(os.environ):
        if name.startswith(("SWITCHYARD_", "LANGSMITH_", "LANGCHAIN_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("SWITCHYARD_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def config(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Makes this test's configuration: the bundled one with some of its tool servers, or more."""

    def make(*servers: str, **others: dict[str, Any]) -> Path:
        folder = tmp_path / "config"
        shutil.copytree(ROOT / "config", folder)
        known = json.loads((folder / "mcp.json").read_text())["mcpServers"]
        kept = {name: known[name] for name in servers} | others
        (folder / "mcp.json").write_text(json.dumps({"mcpServers": kept}, indent=2))
        monkeypatch.setenv("SWITCHYARD_CONFIG", str(folder))
        return folder

    return make


@pytest.fixture
def switchyard(home: Path) -> Invoke:
    """Runs a command in this process: stdout, stderr and exit code apart."""

    def invoke(*args: str, input: str | None = None) -> Result:
        result = CliRunner().invoke(main, list(args), input=input, prog_name="switchyard")
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert "Traceback" not in result.output
        return result

    return invoke


def command(*args: str) -> list[str]:
    """The command line of `switchyard`, without an installed script."""
    return [sys.executable, "-m", "app.cli", *args]


def environment(**changes: str) -> dict[str, str]:
    """The environment of a child that finds our packages from any folder."""
    path = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(ROOT)]))
    return os.environ | {"PYTHONPATH": path, "NO_COLOR": "1"} | changes
