"""`--help` is instant, since no room is imported for it, and says how the command ends."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from app.cli import main
from runtime.settings import ROOT
from tests.app.conftest import environment

COMMANDS = ["", *main.commands, "runs show"]
HEAVY = ("litellm", "langchain_core", "langgraph", "sqlalchemy", "pydantic", "sklearn", "mcp")
_LINE = re.compile(r"import time:\s*\d+ \|\s*\d+ \| +(\S+)")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_imports_no_room(command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "app.cli", *command.split(), "--help"],
        env=environment(),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    imported = _LINE.findall(done.stderr)
    assert "click" in imported
    assert done.stdout.startswith("Usage: ")
    assert not [name for name in imported if name.split(".")[0] in HEAVY]


@pytest.mark.parametrize("command", ["run", "answer", "resume"])
def test_help_of_what_runs_something_tells_the_exit_codes(command: str) -> None:
    text = main.commands[command].epilog or ""
    for code in ("0", "1", "2", "3", "4", "5", "130"):
        assert re.search(rf"^  {code} ", text, re.MULTILINE)
