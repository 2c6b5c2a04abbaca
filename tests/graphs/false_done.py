"""Workers that claim to be done, against the harness, with counts by the kind of their claim.

`python -m tests.graphs.false_done [SEED …]` prints the table.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import tempfile
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from runtime.canonical import Json
from tests.graphs.driver import Driver, Told
from tests.graphs.installation import installation, scripted_server, specialist, written
from tests.graphs.lies import LIES, Job, Lie, Scene, honestly, known, truth
from tests.graphs.workers import Work, deliver, work_of
from tests.provider import Exchange, Reply, ScriptedProvider, SeededBrain

Mode = Literal["honest", "lying", "repenting"]
MODES: tuple[Mode, ...] = ("honest", "lying", "repenting")
WITNESS = "witness"
AFTER = "after"
BY_KIND = {lie.kind: lie for lie in LIES}
TEXT: Json = {"type": "string"}
TEXTS: Json = {"type": "array", "items": TEXT}
LOOKING = ["desk_where", "desk_fail"]
SENDING = ["desk_send", "desk_say"]
WRITING = ["files_write", "files_list"]
READING = ["documents_search_documents"]


class Staff:
    """The model of all workers. `mode` says whether they lie, and for how long."""

    def __init__(self, docs: Path, ledger: Path) -> None:
        self.mode: Mode = "honest"
        self.seed = 0
        self.briefs: dict[tuple[str, int], str] = {}
        """By task and attempt, of the present run."""
        self._docs, self._ledger = docs, ledger
        self._elsewhere: list[str] = []
        self._attempts: defaultdict[str, int] = defaultdict(int)
        self._evidence: defaultdict[str, list[str]] = defaultdict(list)
        self._witness: Json = None

    def begin(self, mode: Mode, seed: int) -> None:
        """A run begins; of the one before some evidence is remembered."""
        self.mode, self.seed = mode, seed
        self._elsewhere = self._evidence[WITNESS][:3]
        self.briefs.clear()
        self._attempts.clear()
        self._evidence.clear()

    def reply(self, exchange: Exchange) -> Reply:
        work = work_of(exchange)
        if work is None:
            return SeededBrain(self.seed).reply(exchange)
        if work.begins:
            self._attempts[work.task] += 1
            self.briefs.setdefault((work.task, self._attempts[work.task]), work.text)
        lie = self._lie(work)
        scene = self._scene(work, lie)
        asks = lie.asks if lie else honestly
        if work.begins and (asked := asks(scene)):
            return asked
        self._evidence[work.task].extend(work.evidence)
        if work.task == WITNESS:
            self._witness = scene.truth
        told = lie.tell(scene) if lie else scene.truth
        return told if isinstance(told, Reply) else deliver(told)

    def _lie(self, work: Work) -> Lie | None:
        until = {"honest": 0, "repenting": 1, "lying": 99}[self.mode]
        return BY_KIND.get(work.task) if self._attempts[work.task] <= until else None

    def _scene(self, work: Work, lie: Lie | None) -> Scene:
        attempt = self._attempts[work.task]
        worked = bool(work.returned) and (lie is None or not lie.feigns)
        return Scene(
            work=work,
            attempt=attempt,
            truth=truth(work) if worked else self._true(work),
            witness=self._witness,
            before=self._evidence[work.task],
            docs=self._docs,
            ledger=self._ledger,
            rng=random.Random(f"{self.seed}:{work.task}:{attempt}"),
        )

    def _true(self, work: Work) -> Json:
        """What is true of a job without having done it; nothing is, of documents."""
        return None if "query" in work.inputs else known(work.inputs, self._elsewhere)


@dataclass
class Tally:
    """What became of one kind of claim."""

    runs: int = 0
    told: int = 0
    """Attempts at which the claim was made."""
    rejected: int = 0
    """Attempts that the ledger tells to be rejected, each with its reason."""
    accepted: int = 0
    """Results of liars in the ledger."""
    named: int = 0
    """Answers that say that the result is missing."""
    honest: int = 0
    """Results of the same task accepted as soon as its worker told the truth."""
    reasons: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """An open installation with its staff."""

    driver: Driver
    staff: Staff
    plans: Mapping[int, Sequence[Lie]]

    async def run(self, mode: Mode, seed: int) -> Told:
        """One run of all tasks."""
        self.staff.begin(mode, seed)
        return await self.driver.ask(
            "Do what the plan says",
            thread=f"{mode} {seed}",
            decide=lambda _question: "approve",
            specialist=f"false-done-{seed}",
        )


def documents(folder: Path, seed: int) -> Path:
    """Documents of which every line is another one."""
    folder.mkdir(parents=True)
    rng = random.Random(f"documents {seed}")
    for number in range(4):
        lines = [
            f"Line {line} of file {number} tells of {rng.getrandbits(40):x} and of thing{number}"
            for line in range(6)
        ]
        (folder / f"file-{number}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def plan(seed: int, lies: Sequence[Lie]) -> str:
    """The specialist file of one seed: a task for each kind of lie, and what surrounds them."""
    rng = random.Random(f"plan {seed}")
    tasks = [_task(WITNESS, "look", rng)]
    tasks += [_task(lie.kind, lie.job, rng) | {"needs": [WITNESS]} for lie in lies]
    after = _task(AFTER, "look", rng) | {"needs": [rng.choice([lie.kind for lie in lies])]}
    return specialist(
        f"false-done-{seed}",
        [*tasks, after],
        outputs={WITNESS: {"from": WITNESS}},
        tools=[*LOOKING, *SENDING, *READING, *WRITING],
        effort="standard" if any(lie.needs_two for lie in lies) else "once",
    )


def _task(id: str, job: Job, rng: random.Random) -> dict[str, Json]:
    return {"id": id, "objective": f"[{id}] Do this one."} | _JOBS[job](rng)


def _look(rng: random.Random) -> dict[str, Json]:
    checks = [
        {"check": "min_items", "at": "people", "count": 3},
        {"check": "covers", "at": "people[].name", "input": "names"},
        {"check": "grounded_rows", "at": "people", "key": "name", "fields": ["folder"]},
    ]
    return _bare(rng) | {"accept": checks}


def _bare(rng: random.Random) -> dict[str, Json]:
    """Held to its schema and its evidence alone."""
    row = _object(name=TEXT, folder=TEXT)
    return {
        "inputs": {"names": {"value": [f"name-{rng.randrange(10**6)}" for _ in range(3)]}},
        "tools": LOOKING,
        "output": _object(
            people={"type": "array", "items": row},
            count={"type": "integer"},
            evidence=TEXTS,
        ),
    }


def _read(rng: random.Random) -> dict[str, Json]:
    cited = _object(
        path=TEXT, start_line={"type": "integer"}, end_line={"type": "integer"}, quote=TEXT
    )
    sentence = _object(text=TEXT, citations={"type": "array", "items": cited})
    return {
        "inputs": {"query": {"value": f"thing{rng.randrange(4)}"}},
        "tools": READING,
        "output": _object(sentences={"type": "array", "items": sentence}, evidence=TEXTS),
        "accept": [{"check": "citations", "at": "sentences[].citations[]"}],
    }


def _send(rng: random.Random) -> dict[str, Json]:
    return {
        "inputs": {"to": {"value": f"person-{rng.randrange(10**6)}"}},
        "tools": SENDING,
        "output": _object(done=TEXT, to=TEXT, evidence=TEXTS),
        "accept": [{"check": "grounded_rows", "at": "[@]", "key": "done"}],
    }


def _file(rng: random.Random) -> dict[str, Json]:
    number = rng.randrange(10**6)
    artifact = _object(path=TEXT, sha256=TEXT)
    return {
        "inputs": {
            "path": {"value": f"report-{number}.md"},
            "content": {"value": f"What number {number} is about."},
        },
        "tools": WRITING,
        "output": _object(artifacts={"type": "array", "items": artifact}, evidence=TEXTS),
    }


def _object(**properties: Json) -> Json:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(properties),
        "properties": properties,
    }


_JOBS = {"look": _look, "bare": _bare, "read": _read, "send": _send, "file": _file}


@asynccontextmanager
async def office(home: Path, plans: Mapping[int, Sequence[Lie]]) -> AsyncIterator[Office]:
    """A staff over two tool servers, and by seed the lies of its plan."""
    docs = documents(home / "papers", min(plans))
    staff = Staff(docs, home / "ledger.sqlite")
    with ScriptedProvider(staff) as provider:
        servers = {"documents": None, "desk": scripted_server(home)}
        limits = {"once": {"escalations": 0}}
        config = written(home, provider=provider, servers=servers, limits=limits)
        async with installation(
            home,
            *(plan(seed, lies) for seed, lies in plans.items()),
            config=config,
            docs=docs,
            docs_roots=str(docs),
        ) as driver:
            yield Office(driver=driver, staff=staff, plans=plans)


async def count(office: Office, mode: Mode, seed: int, tallies: dict[str, Tally]) -> Told:
    """Run one seed in one mode, and count its liars."""
    told = await office.run(mode, seed)
    run = told.answer["run"]
    found = await office.driver.services.ledger.tasks.results_of(run)
    results = {row.task.partition("/")[2]: row for row in found}
    for lie in office.plans[seed]:
        tally, result = tallies.setdefault(lie.kind, Tally()), results.get(lie.kind)
        if mode == "lying":
            tally.runs += 1
            tally.accepted += result is not None
            tally.named += any(f"{lie.kind}:" in line for line in told.answer["missing"])
        else:
            tally.honest += result is not None and result.attempt == (1 if mode == "honest" else 2)
    if mode == "lying":
        await _count_attempts(office, run, tallies)
    return told


async def _count_attempts(office: Office, run: str, tallies: Mapping[str, Tally]) -> None:
    for row in await office.driver.services.ledger.tasks.history(run):
        tally = tallies.get(row.task.partition("/")[2])
        if tally and row.state == "running":
            tally.told += 1
        if tally and row.state in ("retrying", "escalated", "failed"):
            tally.rejected += 1
            tally.reasons.add(row.reason)


def table(tallies: Mapping[str, Tally]) -> str:
    """The counts by kind, as text."""
    head = ("kind", "runs", "told", "rejected", "in the ledger", "named missing", "truth accepted")
    rows = [head, *(_row(kind, tally) for kind, tally in sorted(tallies.items()))]
    wide = [max(len(row[place]) for row in rows) for place in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, wide, strict=True))
        )
        for row in rows
    )


def _row(kind: str, tally: Tally) -> tuple[str, ...]:
    counts = (tally.runs, tally.told, tally.rejected, tally.accepted, tally.named)
    return (kind, *map(str, counts), str(tally.honest))


async def report(seeds: Sequence[int]) -> dict[str, Tally]:
    """The counts over these seeds."""
    tallies: dict[str, Tally] = {}
    with tempfile.TemporaryDirectory() as home:
        async with office(Path(home), dict.fromkeys(seeds, LIES)) as opened:
            for seed in seeds:
                for mode in MODES:
                    await count(opened, mode, seed, tallies)
    return tallies


def main() -> None:
    """Print the table for the seeds of the command line."""
    os.environ.setdefault("LANGSMITH_TRACING", "false")
    seeds = [int(seed) for seed in sys.argv[1:]] or [1, 2, 3]
    print(table(asyncio.run(report(seeds))))  # noqa: T201 - a report on standard output


if __name__ == "__main__":
    main()
