"""The protocol's own conformance suite against the gateway as a client: `make
bench-conformance-client`, which needs npm.

Two releases of the suite are run: the one that npm calls the latest, and the next one, which has
more scenarios. Each scenario starts `bench/conformance_caller.py`, which goes through the gateway.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.report import machine, progress, show, write
from runtime.canonical import Json
from runtime.settings import ROOT

NAME = "conformance_client"
PACKAGE = "@modelcontextprotocol/conformance"
RELEASES = {"latest": "0.1.16", "next": "0.2.0-alpha.12"}
NODE = 22
"""The oldest Node that the suite runs on."""

DATED = ("2025-03-26", "2025-06-18", "2025-11-25")
"""Revisions of the protocol that the library which we build on speaks."""

_UNMET = {
    "auth/cross-app-access-complete-flow": "it trades in the identity token of a person who is"
    " logged in at a company's identity provider",
    "auth/enterprise-managed-authorization": "it trades in the identity token of a person who is"
    " logged in at a company's identity provider",
    "auth/wif-jwt-bearer": "an extension that is not taken up: the token of a workload from a"
    " platform in place of credentials",
    "auth/dpop": "an extension that is not taken up: tokens bound to a key",
    "auth/dpop-nonce": "an extension that is not taken up: tokens bound to a key",
}
_MENDED = {
    ("latest", "auth/2025-03-26-oauth-metadata-backcompat"): "the metadata of its server name an"
    " issuer that does not belong to their place, which a client must refuse (RFC 8414, 3.3); the"
    " next release of the suite mends that, and there it passes",
}
_SKILLS = "it is about skills, which are no tools: the gateway asks no server for them"
_NEWER = "it needs revision 2026-07-28, which mcp 1.x, the library that is built on, does not speak"
_EARLY = ("auth/", "json-schema-ref-no-deref")
"""Scenarios of the newer revision that hold for the older ones too."""
_LISTED = re.compile(r"^  - (\S+) \[([^\]]*)\]$")
_COUNTED = ("SUCCESS", "FAILURE", "WARNING")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A scenario as it went."""

    release: str
    scenario: str
    revisions: tuple[str, ...]
    verdict: str
    """`passed`, `failed` or `not met`."""
    passed: int = 0
    failed: int = 0
    warnings: int = 0
    checks: tuple[dict[str, Json], ...] = ()
    """Each check that is one, with its status."""
    reason: str = ""
    """Why no tool client meets it, or what the client said when it failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """One release of the suite, installed."""

    release: str
    node: str
    program: Path

    def run(self, *args: str, seconds: int = 180) -> subprocess.CompletedProcess[str]:
        command = [self.node, str(self.program), *args]
        return subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=seconds, check=False
        )

    def scenarios(self) -> list[tuple[str, tuple[str, ...]]]:
        """Every scenario for clients, with the revisions that it belongs to."""
        lines = self.run("list", "--client").stdout.splitlines()
        found = [match for line in lines if (match := _LISTED.match(line))]
        if not found:
            raise SystemExit(f"{PACKAGE} {RELEASES[self.release]} lists no scenarios for clients.")
        return [(match[1], tuple(match[2].split(","))) for match in found]

    def meet(self, scenario: str, revisions: tuple[str, ...]) -> Scenario:
        """Run one scenario, and count its checks."""
        with tempfile.TemporaryDirectory() as folder:
            args = ["client", "--scenario", scenario, "-o", folder, "--timeout", "90000"]
            args += ["--command", f"{sys.executable} -m bench.conformance_caller"]
            if self.release == "next" and "extension" not in revisions:
                known = set(revisions) & set(DATED)
                args += ["--spec-version", max(known or DATED)] + ([] if known else ["--force"])
            ended = self.run(*args)
            found = [
                {"id": check["id"], "status": check["status"]}
                for file in Path(folder).rglob("checks.json")
                for check in json.loads(file.read_text())
                if check["status"] in _COUNTED
            ]
        counts = Counter(check["status"] for check in found)
        right = ended.returncode == 0 and counts["SUCCESS"] and not counts["FAILURE"]
        return Scenario(
            release=self.release,
            scenario=scenario,
            revisions=revisions,
            verdict="passed" if right else "failed",
            passed=counts["SUCCESS"],
            failed=counts["FAILURE"],
            warnings=counts["WARNING"],
            checks=tuple(found),
            reason="" if right else (ended.stdout + ended.stderr)[-600:],
        )


def unmet(release: str, scenario: str, revisions: tuple[str, ...]) -> str:
    """Why a scenario is not met; empty where it is."""
    if found := _MENDED.get((release, scenario)) or _UNMET.get(scenario):
        return found
    if scenario.startswith("sep-2640-"):
        return _SKILLS
    newer = not {*DATED, "extension", "draft"} & set(revisions)
    return _NEWER if newer and not scenario.startswith(_EARLY) else ""


def install(folder: Path, *packages: str) -> None:
    command = "npm install --no-audit --no-fund --no-package-lock --ignore-scripts --loglevel=error"
    subprocess.run(
        [*command.split(), *packages], cwd=folder, check=True, timeout=300, stdout=sys.stderr
    )


def node_in(folder: Path) -> str:
    """A Node that is new enough: that of the system, or one that is installed below a folder."""
    own = shutil.which("node") or ""
    told = subprocess.check_output([own, "--version"], text=True) if own else "v0"
    if int(told.strip().removeprefix("v").partition(".")[0]) >= NODE:
        return own
    kind = "arm64" if platform.machine() in ("aarch64", "arm64") else "x64"
    package = f"node-{platform.system().lower()}-{kind}"
    install(folder, f"{package}@{NODE}")
    return str(folder / "node_modules" / package / "bin" / "node")


def measure(folder: Path, only: str) -> Json:
    """Install both releases, and meet every scenario that a tool client can meet."""
    (folder / "package.json").write_text("{}")
    node = node_in(folder)
    install(folder, *(f"{name}@npm:{PACKAGE}@{it}" for name, it in RELEASES.items()))
    found: list[Scenario] = []
    for release in RELEASES:
        program = folder / "node_modules" / release / "dist" / "index.js"
        suite = Suite(release=release, node=node, program=program)
        for scenario, revisions in suite.scenarios():
            reason = unmet(release, scenario, revisions)
            if only and only not in scenario:
                continue
            if reason:
                skipped = Scenario(
                    release=release,
                    scenario=scenario,
                    revisions=revisions,
                    verdict="not met",
                    reason=reason,
                )
                found.append(skipped)
                continue
            progress(f"{release} {scenario}")
            found.append(suite.meet(scenario, revisions))
    return figures_of(found, subprocess.check_output([node, "--version"], text=True).strip())


def figures_of(found: list[Scenario], node: str) -> Json:
    verdicts = Counter(one.verdict for one in found)
    return {
        **machine("mcp", "langchain-mcp-adapters"),
        "suite": {"package": PACKAGE, **RELEASES},
        "node": node,
        "passed": verdicts["passed"],
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
    os.environ.pop("MCP_CONFORMANCE_CONTEXT", None)
    with tempfile.TemporaryDirectory() as folder:
        try:
            figures = measure(Path(folder).resolve(), only)
        except subprocess.CalledProcessError as error:
            told = f"{error.cmd[0]} failed with exit code {error.returncode}; see its words above."
            raise SystemExit(told) from error
    write(NAME, figures, small=bool(only))
    for release, version in RELEASES.items():
        rows = [one for one in figures["scenarios"] if one["release"] == release]
        columns = ("scenario", "passed", "failed", "verdict")
        show(f"{PACKAGE} {version}", columns, [[one[name] for name in columns] for one in rows])
        for reason in dict.fromkeys(one["reason"] for one in rows if one["reason"]):
            names = ", ".join(one["scenario"] for one in rows if one["reason"] == reason)
            sys.stdout.write(f"{names}: {reason}.\n\n")
    if figures["failed"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
