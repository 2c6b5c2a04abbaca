"""The rules of the house hold themselves: import contracts, our own packages, no surprises."""

from __future__ import annotations

import importlib
import shutil
import site
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.rooms import ROOMS, foreign_rooms
from runtime.settings import ROOT

EXPECTED_PTH = ("distutils-precedence.pth", "__editable__.switchyard")


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the import contracts over a copy of the packages."""
    program = Path(sys.executable).parent / "lint-imports"
    return subprocess.run(
        [program, "--no-cache"], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for room in ROOMS:
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("harness/order.py", "import langgraph"),
        ("harness/order.py", "import tools.gateway"),
        ("ledger/runs.py", "import agents.spec"),
        ("agents/slot.py", "import litellm"),
        ("tools/servers/launch.py", "import runtime.errors"),
        ("agents/slot.py", "import app.cli"),
    ],
)
def test_a_broken_contract_is_seen(copy: Path, file: str, line: str) -> None:
    broken = copy / file
    broken.write_text(f"{broken.read_text()}\n{line}\n")
    seen = lint(copy)
    assert seen.returncode == 1, seen.stdout
    assert "BROKEN" in seen.stdout


def test_the_contracts_hold(copy: Path) -> None:
    assert lint(copy).returncode == 0


def test_each_of_our_packages_is_ours() -> None:
    for room in ROOMS:
        importlib.import_module(room)
    assert foreign_rooms() == {}


def test_a_package_of_the_same_name_from_elsewhere_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "agents")
    assert foreign_rooms() == {"agents": str(tmp_path / "agents" / "__init__.py")}


def test_nothing_unexpected_runs_at_the_start_of_python() -> None:
    found = [file.name for folder in site.getsitepackages() for file in Path(folder).glob("*.pth")]
    assert [name for name in found if not name.startswith(EXPECTED_PTH)] == []


def test_the_malicious_releases_of_litellm_are_not_locked() -> None:
    for lock in ("runtime.txt", "dev.txt", "peers.txt"):
        text = (ROOT / "requirements" / lock).read_text()
        assert "litellm==1.82.7" not in text
        assert "litellm==1.82.8" not in text
        assert "--hash=sha256:" in text
        assert "://" not in text


def test_no_link_is_kept_in_the_tree() -> None:
    """It would lead to a place of the machine on which it was made."""
    asked = ["git", "-C", str(ROOT), "ls-files", "--stage"]
    kept = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
    assert [line for line in kept.splitlines() if line.startswith("120000")] == []
