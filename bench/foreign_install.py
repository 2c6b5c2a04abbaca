"""Installs the tool servers of the benchmark, each family in an environment of its own.

They stay in the git-ignored `.switchyard/foreign` until their lock changes. Every hash is checked.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.report import progress
from runtime.settings import ROOT

HERE = ROOT / "bench" / "foreign"
CACHE = ROOT / ".switchyard" / "foreign"
NPM = ("everything", "filesystem", "memory")
PYPI = ("git", "time", "sqlite")

_SECONDS = 600
_MARK = ".installed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """An installed server."""

    name: str
    """What it is called in its registry."""
    version: str
    command: tuple[str, ...]
    """What starts it."""


def check_needs() -> None:
    """Say what is missing on this machine.

    Raises:
        SystemExit: something is.
    """
    for needed, remedy in (
        ("node", "Node 20 or newer"),
        ("npm", "Node 20 or newer, which brings npm"),
        ("git", "git"),
    ):
        if shutil.which(needed) is None:
            raise SystemExit(f"{needed} was not found. Install {remedy}, then try again.")


def install() -> dict[str, Package]:
    """All servers by their short names; installed now unless they are there.

    Raises:
        subprocess.CalledProcessError: an installer failed; its own words are on standard error.
    """
    _install_npm()
    return {name: _from_npm(name) for name in NPM} | {name: _from_pypi(name) for name in PYPI}


def _install_npm() -> None:
    folder = CACHE / "npm"
    lock = HERE / "package-lock.json"
    if _is_there(folder, lock):
        return
    progress("Installing the servers from npm (hashes checked) ...")
    folder.mkdir(parents=True)
    for file in (lock, HERE / "package.json"):
        shutil.copy(file, folder)
    # No script of a package runs at its installation.
    _run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"], folder)
    _note(folder, lock)


def _from_npm(name: str) -> Package:
    package = CACHE / "npm" / "node_modules" / "@modelcontextprotocol" / f"server-{name}"
    told = json.loads((package / "package.json").read_text())
    program = str(package / "dist" / "index.js")
    return Package(name=told["name"], version=told["version"], command=("node", program))


def _from_pypi(name: str) -> Package:
    folder, lock = CACHE / name, HERE / f"{name}.txt"
    package = f"mcp-server-{name}"
    if not _is_there(folder, lock):
        progress(f"Installing {package} from PyPI (hashes checked) ...")
        _run([sys.executable, "-m", "venv", str(folder)], HERE)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        # The lock is complete: nothing is resolved anew.
        pip += ["--disable-pip-version-check", "--no-deps", "--require-hashes", "-r", str(lock)]
        _run(pip, HERE)
        _note(folder, lock)
    version = next(
        line.removeprefix(f"{package}==").split()[0]
        for line in lock.read_text().splitlines()
        if line.startswith(f"{package}==")
    )
    return Package(name=package, version=version, command=(str(folder / "bin" / package),))


def _is_there(folder: Path, lock: Path) -> bool:
    """Whether the folder holds what the lock says; what is half done or older is removed."""
    mark = folder / _MARK
    if mark.exists() and mark.read_text() == _digest(lock):
        return True
    if folder.exists():
        shutil.rmtree(folder)
    return False


def _note(folder: Path, lock: Path) -> None:
    (folder / _MARK).write_text(_digest(lock))


def _digest(lock: Path) -> str:
    return hashlib.sha256(lock.read_bytes()).hexdigest()


def _run(command: Sequence[str], folder: Path) -> None:
    # Installers talk to standard output, which belongs to the table.
    subprocess.run(command, cwd=folder, check=True, timeout=_SECONDS, stdout=sys.stderr)
