"""The same jobs on three wire formats, by changing models.yaml alone: `make bench-wires`.

Behind each wire answers the same thinking, so that what differs is the wire. The suite's own tests
of any model, with brains that misbehave, run on each wire as well.
"""

from __future__ import annotations

import argparse
import asyncio
import difflib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.report import machine, progress, show, write
from runtime.canonical import Json, digest
from runtime.context import RunContext
from runtime.labels import Label
from runtime.settings import ROOT
from tests.graphs.driver import DENIED, INCIDENT, LICENCES, STATUS_MAIL, Driver, driver
from tests.models.door import entry, served
from tests.provider import ScriptedProvider
from tests.provider.extracting import ExtractingBrain
from tests.servers.mailbox import Mailbox, mail_server

WIRES = ("openai", "anthropic", "gemini")
BRAINS = ("willing-1", "mixed-2", "adversary-4")
_TESTS = "tests/graphs/test_any_model.py"
_EMBEDDING = {
    "openai": "openai/text-embedding-3-small",
    "gemini": "gemini/gemini-embedding-2",
    # This vendor has no embeddings; the shipped profile takes the local ones as well.
    "anthropic": "offline/hashed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A request, and what has to be true of its answer."""

    name: str
    request: str
    says: str
    docs: str = ""


JOBS = (
    Job(name="licence review", request=LICENCES, says="licence"),
    Job(name="question on documents", request=DENIED, says="[1] tools.md:"),
    Job(name="incident review", request="Review incident INC-2026-014", says="## Cause"),
    Job(name="look-up", request="Look up customer 42", says="42"),
    Job(name="look-up, then a mail", request=STATUS_MAIL, says="example.com"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One job on one wire."""

    job: str
    wire: str
    ok: bool
    status: str
    calls: int
    """Model calls in the ledger, over the wire; the ledger's count equals the provider's."""
    tokens: int
    dollars: float
    answer: str
    """A digest of the text: equal where the same was said."""
    seconds: float


def models_yaml(provider: ScriptedProvider, wire: str) -> str:
    """All of models.yaml for a wire."""
    model, base = served(provider, wire)
    entries = [
        entry(f"tier-{tier}", tier=tier, model=model, base=base)
        for tier in ("route", "plan", "work", "judge")
    ]
    embedding = _EMBEDDING[wire]
    where = "" if embedding.startswith("offline") else base
    return "model_list:\n" + "".join(
        [*entries, entry("tier-embed", tier="embed", model=embedding, base=where)]
    )


def difference(one: str, other: str, wire: str) -> str:
    """What stands otherwise, without the port, which is another one each time."""
    before, after = (
        re.sub(r":\d+(/|$)", r":PORT\1", text, flags=re.MULTILINE).splitlines()
        for text in (one, other)
    )
    lines = difflib.unified_diff(
        before, after, "models.yaml (openai)", f"models.yaml ({wire})", lineterm="", n=1
    )
    return "\n".join(lines)


async def on_wire(wire: str, jobs: Sequence[Job], mailbox: Mailbox) -> tuple[list[Row], str]:
    """The jobs on one wire, and the models.yaml by which they ran."""
    with ScriptedProvider(ExtractingBrain()) as provider, tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config"
        shutil.copytree(ROOT / "config", config)
        text = models_yaml(provider, wire)
        (config / "models.yaml").write_text(text)
        rows = []
        async with driver(Path(folder) / "home", config=config) as opened:
            for job in jobs:
                rows.append(await _ran(opened, provider, wire, job, mailbox))
                progress(f"{wire}: {job.name}: {rows[-1].status}")
            rows.append(await _embedded(opened, wire))
        return rows, text


async def _embedded(opened: Driver, wire: str) -> Row:
    """Tier `embed` by itself: routing takes the local encoder as shipped."""
    ledger, run = opened.services.ledger, f"embed-{wire}"
    await ledger.runs.start(
        run, thread="", request="?", tenant="t", user="u", label=Label.public, docs=""
    )
    await ledger.budgets.open(run, 1.0)
    began = time.monotonic()
    texts = ["a red apple", "red apples", "tax law"]
    one, two, three = await opened.services.models.embed(texts, RunContext(run=run, tenant="t"))
    near, far = (sum(a * b for a, b in zip(one, other, strict=True)) for other in (two, three))
    (call,) = await ledger.spend.of_run(run)
    return Row(
        job="embeddings",
        wire=wire,
        ok=near > far and call.tier == "embed",
        status=call.outcome,
        calls=1,
        tokens=call.prompt_tokens,
        dollars=round(call.cost, 6),
        answer="",
        seconds=round(time.monotonic() - began, 2),
    )


async def _ran(
    opened: Driver, provider: ScriptedProvider, wire: str, job: Job, mailbox: Mailbox
) -> Row:
    before, mails = len(provider.calls), len(mailbox.messages)
    began = time.monotonic()
    given = {"docs": str(INCIDENT)} if "incident" in job.name else {}
    told = await opened.ask(
        job.request, thread=f"{wire} {job.name}", decide=lambda _: "approve", **given
    )
    seconds = time.monotonic() - began
    answer, seen = told.answer, provider.calls[before:]
    rows = await opened.services.ledger.spend.of_run(answer["run"])
    good = answer["status"] == "done" and job.says in answer["text"]
    good = good and len(rows) == len(seen) and {one.wire for one in seen} <= {wire}
    if job.request == STATUS_MAIL:
        good = good and len(mailbox.messages) == mails + 1
    return Row(
        job=job.name,
        wire=wire,
        ok=good,
        status=answer["status"],
        calls=len(rows),
        tokens=answer["tokens"],
        dollars=round(answer["cost"], 6),
        answer=digest(_plain(answer["text"]))[:12],
        seconds=round(seconds, 2),
    )


def _plain(text: str) -> str:
    """The text without what is drawn anew in each run: ids of calls and runs."""
    return re.sub(r"\b[0-9a-f]{8,}(-[0-9a-f]{4,})*\b", "ID", text)


def suite(wires: Sequence[str], brains: Sequence[str]) -> dict[str, dict[str, int]]:
    """Outcomes of the suite's tests of any model, by brain and wire."""
    pairs = [f"{brain}/{wire}" for wire in wires for brain in brains]
    progress(f"{_TESTS} on {', '.join(pairs)}")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", _TESTS, "-n0", "-q", "-rA", "--no-header"],
        cwd=ROOT,
        env=os.environ | {"ANY_MODEL": ",".join(pairs)},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    found: dict[str, Counter[str]] = {pair: Counter() for pair in pairs}
    for outcome, name in re.findall(r"^(PASSED|FAILED|ERROR) \S+\[(\S+/\w+)", done.stdout, re.M):
        found[name][outcome.lower()] += 1
    if not any(found.values()):
        raise SystemExit(f"The tests did not run:\n{done.stdout[-3000:]}\n{done.stderr[-2000:]}")
    return {pair: dict(counts) for pair, counts in found.items()}


async def measure(*, small: bool) -> Json:
    """All figures."""
    jobs = [job for job in JOBS if not small or job.name != "licence review"]
    rows: list[Row] = []
    files: dict[str, str] = {}
    async with mail_server() as mailbox:
        mail = {"SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(mailbox.port)}
        mail |= {"MAIL_FROM": "desk@example.com"}
        os.environ.update({f"SWITCHYARD_{name}": value for name, value in mail.items()})
        for wire in WIRES:
            found, files[wire] = await on_wire(wire, jobs, mailbox)
            rows += found
    diffs = {wire: difference(files["openai"], files[wire], wire) for wire in WIRES[1:]}
    tests = await asyncio.to_thread(suite, WIRES, BRAINS[:1] if small else BRAINS)
    failed = sum(counts.get("failed", 0) + counts.get("error", 0) for counts in tests.values())
    return {
        "wires": list(WIRES),
        "jobs": len(jobs),
        "passed": sum(one.ok for one in rows),
        "of": len(rows),
        "same_answer_on_every_wire": {
            job.name: len({one.answer for one in rows if one.job == job.name}) == 1 for job in jobs
        },
        "tests_failed": failed,
        "tests": tests,
        "files_changed": ["config/models.yaml"],
        "diffs": diffs,
        "rows": [asdict(one) for one in rows],
        "machine": machine("litellm", "langchain-litellm"),
    }


def tell(figures: Json) -> None:
    """The diffs and the tables."""
    for text in figures["diffs"].values():
        sys.stdout.write(f"{text}\n\n")
    columns = ["job", "wire", "ok", "status", "calls", "tokens", "dollars", "answer", "seconds"]
    show(
        "The same jobs on each wire",
        columns,
        [[row[c] for c in columns] for row in figures["rows"]],
    )
    tests: Mapping[str, Mapping[str, int]] = figures["tests"]
    show(
        f"{_TESTS}, brains that are willing or misbehave",
        ["brain and wire", "passed", "failed"],
        [
            [pair, counts.get("passed", 0), counts.get("failed", 0) + counts.get("error", 0)]
            for pair, counts in tests.items()
        ],
    )


def main() -> None:
    """Measure, show, and keep the figures; ends with 1 when a job or a test failed."""
    parser = argparse.ArgumentParser(description="The same jobs on three wire formats.")
    parser.add_argument("--small", action="store_true", help="fewer jobs, one brain")
    given = parser.parse_args()
    figures = asyncio.run(measure(small=given.small))
    tell(figures)
    progress(f"written to {write('wires', figures, small=given.small)}")
    if figures["passed"] < figures["of"] or figures["tests_failed"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
