"""The protocol's own conformance suite against `switchyard mcp --http`: `make
bench-conformance-server`, which needs npm.

Behind the facade stands `bench/conformance/tools.py`, whose tools it offers under the names that
the suite calls. Two releases of the suite are run, as in `bench/conformance_client.py`.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import yaml

from bench.conformance.tools import SCHEMAS
from bench.conformance_client import DATED, PACKAGE, RELEASES, Suite, install, node_in
from bench.report import machine, progress, show, write
from runtime.canonical import Json
from runtime.settings import ROOT

NAME = "conformance_server"

_NEWER = "it needs revision 2026-07-28, which the protocol's library for Python speaks from 2.0 on"
_TOOLS_ALONE = "the facade offers tools, and no {}"
_UNMET = {
    "completion-complete": "completions belong to prompts and resources, which it does not offer",
    "resources-": _TOOLS_ALONE.format("resources"),
    "sep-2164-resource": _TOOLS_ALONE.format("resources"),
    "prompts-": _TOOLS_ALONE.format("prompts"),
    "sep-2640-": "it is about skills, which are no tools",
    "tasks-": "an extension that is not taken up: calls are answered, and go on in the ledger",
    "tools-call-sampling": "the gateway lends no model to tool servers: whoever runs one would"
    " speak to the client's model past every policy",
}
"""By the beginning of a name: why a facade of tools does not meet the scenario."""

_LISTED = re.compile(r"^  - (\S+) \[([^\]]*)\]$")
_COUNTED = ("SUCCESS", "FAILURE", "WARNING")
_READY = re.compile(r"listening on (http://\S+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A scenario as it went."""

    release: str
    scenario: str
    revisions: tuple[str, ...]
    verdict: str
    """`passed`, `warned` where it lacks something that the protocol only recommends, `failed`, or
    `not met`."""
    passed: int = 0
    failed: int = 0
    warnings: int = 0
    checks: tuple[dict[str, Json], ...] = ()
    """Each check that is one, with its status; for one that did not succeed, what is missing."""
    reason: str = ""
    """Why the facade does not meet it, or what the suite said when it failed."""


def unmet(scenario: str, revisions: tuple[str, ...]) -> str:
    """Why a facade of tools does not meet a scenario; empty where it does."""
    for beginning, reason in _UNMET.items():
        if scenario.startswith(beginning):
            return reason
    return "" if {*DATED, "extension"} & set(revisions) else _NEWER


def scenarios(suite: Suite) -> list[tuple[str, tuple[str, ...]]]:
    """Every scenario for servers, with the revisions that it belongs to."""
    lines = suite.run("list", "--server").stdout.splitlines()
    found = [match for line in lines if (match := _LISTED.match(line))]
    if not found:
        raise SystemExit(f"{PACKAGE} {RELEASES[suite.release]} lists no scenarios for servers.")
    return [(match[1], tuple(match[2].split(","))) for match in found]


def meet(suite: Suite, scenario: str, revisions: tuple[str, ...], url: str) -> Scenario:
    """Run one scenario, and count its checks."""
    with tempfile.TemporaryDirectory() as folder:
        args = ["server", "--url", url, "--scenario", scenario, "-o", folder]
        if suite.release == "next" and set(revisions) & set(DATED):
            args += ["--spec-version", max(set(revisions) & set(DATED))]
        ended = suite.run(*args)
        found = [
            {"id": check["id"], "status": check["status"]}
            | ({} if check["status"] == "SUCCESS" else {"told": check.get("errorMessage", "")})
            for file in Path(folder).rglob("checks.json")
            for check in json.loads(file.read_text())
            if check["status"] in _COUNTED
        ]
    counts = Counter(check["status"] for check in found)
    right = ended.returncode == 0 and bool(found) and not counts["FAILURE"]
    verdict = "failed" if not right else "warned" if counts["WARNING"] else "passed"
    told = "; ".join(str(check["told"]) for check in found if "told" in check)
    return Scenario(
        release=suite.release,
        scenario=scenario,
        revisions=revisions,
        verdict=verdict,
        passed=counts["SUCCESS"],
        failed=counts["FAILURE"],
        warnings=counts["WARNING"],
        checks=tuple(found),
        reason=told or ("" if right else (ended.stdout + ended.stderr)[-600:]),
    )


@contextmanager
def facade(folder: Path) -> Iterator[str]:
    """The real command over an installation whose one server is that of the suite; its address."""
    config = folder / "config"
    shutil.copytree(ROOT / "config", config)
    start = {"command": sys.executable, "args": ["-m", "bench.conformance.tools"]}
    terms = {"cleared_for": "internal", "pinned": False}
    servers = {"suite": {**start, "cwd": str(ROOT), "switchyard": terms}}
    (config / "mcp.json").write_text(json.dumps({"mcpServers": servers}))
    named = {f"suite_{tool}": {"as": tool} for tool in SCHEMAS}
    (config / "facade.yaml").write_text(yaml.safe_dump({"version": 1, "tools": named}))
    environment = os.environ | {
        "SWITCHYARD_HOME": str(folder / "home"),
        "SWITCHYARD_CONFIG": str(config),
        "PYTHONPATH": str(ROOT),
    }
    environment.pop("SWITCHYARD_API_KEYS", None)
    command = [sys.executable, "-m", "app.cli", "mcp", "--http", "--port", "0"]
    with subprocess.Popen(
        command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield _address(process)
        finally:
            process.terminate()
            process.communicate(timeout=30)


def _address(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None, "it was started with a pipe"
    said: list[str] = []
    for line in process.stderr:
        if found := _READY.search(line):
            # The pages of the suite call this machine by its name.
            return found[1].replace("127.0.0.1", "localhost")
        said.append(line)
    raise SystemExit("The facade did not start: " + "".join(said)[-1000:])


def measure(folder: Path, only: str) -> list[Scenario]:
    """Install both releases, and meet every scenario that a facade of tools can meet."""
    (folder / "package.json").write_text("{}")
    node = node_in(folder)
    install(folder, *(f"{name}@npm:{PACKAGE}@{it}" for name, it in RELEASES.items()))
    found: list[Scenario] = []
    with facade(folder) as url:
        for release in RELEASES:
            program = folder / "node_modules" / release / "dist" / "index.js"
            suite = Suite(release=release, node=node, program=program)
            for scenario, revisions in scenarios(suite):
                if only and only not in scenario:
                    continue
                if reason := unmet(scenario, revisions):
                    found.append(_skipped(release, scenario, revisions, reason))
                    continue
                progress(f"{release} {scenario}")
                found.append(meet(suite, scenario, revisions, url))
    return found


def _skipped(release: str, scenario: str, revisions: tuple[str, ...], reason: str) -> Scenario:
    return Scenario(
        release=release,
        scenario=scenario,
        revisions=revisions,
        verdict="not met",
        reason=reason,
    )


def figures_of(found: list[Scenario], node: str) -> Json:
    verdicts = Counter(one.verdict for one in found)
    return {
        **machine("mcp"),
        "suite": {"package": PACKAGE, **RELEASES},
        "node": node,
        "passed": verdicts["passed"],
        "warned": verdicts["warned"],
        "failed": verdicts["failed"],
        "not_met": verdicts["not met"],
        "scenarios": [asdict(one) for one in found],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="scenarios whose names hold this text")
    only: str = parser.parse_args().only
    if shutil.which("npm") is None:
        raise SystemExit("npm was not found. Install Node, then try again.")
    with tempfile.TemporaryDirectory() as folder:
        try:
            found = measure(Path(folder).resolve(), only)
            node = subprocess.check_output([node_in(Path(folder)), "--version"], text=True).strip()
        except subprocess.CalledProcessError as error:
            told = f"{error.cmd[0]} failed with exit code {error.returncode}; see its words above."
            raise SystemExit(told) from error
    write(NAME, figures_of(found, node), small=bool(only))
    for release, version in RELEASES.items():
        rows = [
            (one.scenario, one.passed, one.warnings, one.failed, one.verdict, one.reason[:60])
            for one in found
            if one.release == release
        ]
        columns = ("scenario", "checks passed", "warnings", "failed", "verdict", "reason")
        show(f"{PACKAGE} {version}", columns, rows)
    if any(one.verdict == "failed" for one in found):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
