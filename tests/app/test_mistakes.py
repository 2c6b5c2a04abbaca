"""The user's and the operator's mistakes: a message with its remedy, no traceback, and code 2."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.settings import ROOT
from tests.app.conftest import Invoke


@pytest.mark.parametrize(
    ("arguments", "words", "remedy"),
    [
        (["run", ""], "there is no request", "Send a human message"),
        (["run", "   "], "there is no request", "Send a human message"),
        (["run", "x", "--docs", "/nowhere/at/all"], "no such folder", "Name an existing folder"),
        (["run", "x", "--docs", __file__], "a file, not a folder", "Name an existing folder"),
        (["route", ""], "there is no request", "Send a human message"),
        (["route", "x", "--specialist", "nobody"], "no specialist 'nobody'", "crm-lookup"),
        (["route", "@nobody do something"], "no specialist 'nobody'", "crm-lookup"),
        (["answer", "a-none", "approve"], "no approval 'a-none'", "switchyard approvals"),
        (["resume", "none"], "no run 'none'", "switchyard runs"),
        (["cancel", "none"], "no run 'none'", "switchyard runs"),
        (["answer", "a-1", "approve", "--plan", "/nowhere"], "/nowhere cannot be read", "JSON"),
        (["answer", "a-1", "approve", "--output", __file__], "cannot be read as JSON", "JSON"),
        (["runs", "show", "none"], "no run 'none'", "switchyard runs"),
        (["check", "/nowhere/at/all"], "is not a folder", "specialists"),
    ],
)
def test_a_mistake_is_told_with_its_remedy(
    switchyard: Invoke, arguments: list[str], words: str, remedy: str
) -> None:
    done = switchyard(*arguments)
    assert done.exit_code == 2
    assert words in done.stderr
    assert remedy in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "x", "--label", "secret"],
        ["run", "x", "--budget", "-1"],
        ["run", "x", "--budget", "much"],
        ["run"],
        ["fly"],
        ["runs", "--limit", "0"],
    ],
)
def test_a_wrong_option_is_refused_by_name(switchyard: Invoke, arguments: list[str]) -> None:
    done = switchyard(*arguments)
    assert done.exit_code == 2
    assert "Error:" in done.stderr


def test_a_request_of_a_megabyte_is_refused_before_anything_starts(
    switchyard: Invoke, home: Path
) -> None:
    done = switchyard("run", "-", input="x" * 1_000_000)
    assert done.exit_code == 2
    assert "1,000,000 characters" in done.stderr
    assert "--docs" in done.stderr
    assert not home.exists()


def test_a_setting_that_cannot_be_read_is_named(
    switchyard: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWITCHYARD_RETENTION_DAYS", "many")
    done = switchyard("runs")
    assert done.exit_code == 2
    assert "SWITCHYARD_RETENTION_DAYS='many'" in done.stderr


def test_a_missing_key_names_the_variable_and_the_line(
    switchyard: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWITCHYARD_MODELS", "anthropic")
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    done = switchyard("run", "What can you do?")
    assert done.exit_code == 2
    assert "ANTHROPIC_API_KEY is not set" in done.stderr
    assert "models.yaml:" in done.stderr


def test_a_home_that_cannot_be_written_is_told(switchyard: Invoke, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file where the folder should be")
    done = switchyard("runs", "--home", str(tmp_path / "taken"))
    assert done.exit_code == 1
    assert "SWITCHYARD_HOME" in done.stderr


def test_a_broken_specialist_keeps_nobody_else_from_working(
    switchyard: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(ROOT / "agents/specialists", tmp_path / "specialists")
    (tmp_path / "specialists/broken.md").write_text("---\nname: [broken\n---\n")
    monkeypatch.setenv("SWITCHYARD_SPECIALISTS", str(tmp_path / "specialists"))
    done = switchyard("specialists", "--json")
    told = json.loads(done.stdout)
    assert done.exit_code == 0
    assert len(told["specialists"]) == len(list((ROOT / "agents/specialists").glob("*.md")))
    assert [(Path(one["file"]).name, one["line"]) for one in told["problems"]] == [("broken.md", 3)]


def test_a_seventh_specialist_is_one_more_file(
    switchyard: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(ROOT / "agents/specialists", tmp_path / "specialists")
    fine = ROOT / "tests/broken/specs/specialists/fine.md"
    shutil.copy(fine, tmp_path / "specialists/fine.md")
    monkeypatch.setenv("SWITCHYARD_SPECIALISTS", str(tmp_path / "specialists"))
    done = switchyard("route", "Trace the lost parcel of a customer", "--json")
    assert json.loads(done.stdout)["dispatches"][0]["specialist"] == "fine"


def test_a_tool_server_that_does_not_start_keeps_the_others_working(
    switchyard: Invoke, config: Callable[..., Path]
) -> None:
    config("packages", absent={"command": "no-such-program-anywhere"})
    told = json.loads(switchyard("tools", "--json").stdout)
    assert "no-such-program-anywhere" in told["unavailable"]["absent"]
    assert {tool["server"] for tool in told["tools"]} == {"files", "packages"}
    done = switchyard("run", "What can you do?", "--json")
    assert (done.exit_code, json.loads(done.stdout)["status"]) == (0, "done")
