"""Model calls, prompt tokens and makespan of one fixed job, side by side: `make bench-tokens`.

Eight independent and three dependent tasks on our harness, with and without a judge and a planner,
on deepagents and on langgraph-supervisor; one scripted model plays every role in all of them.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from bench.forked import Tell, in_child
from bench.installation import add_job, install
from bench.job import ASSIGNMENTS, REQUEST, finding, summary
from bench.job_brain import Pacing
from bench.ours import House, open_house
from bench.peer import Peer
from bench.prompts import NAME
from bench.report import machine, progress, show, write
from bench.world import World
from runtime.canonical import Json

WIDTH = 8
Variant = Literal["ours", "judged", "planned"]
VARIANTS: tuple[Variant, ...] = ("ours", "judged", "planned")
PEERS = ("deepagents", "supervisor")
PACINGS: tuple[Pacing, ...] = ("calls", "length")
UNFAIR = [
    "The model is scripted: it never errs, so nobody needs a second try. It plans as each system's"
    " documents ask for, and its main agent never writes a list of todos.",
    "Ours takes its plan from the specialist's file, as our users' workflows do; the peers' main"
    " agent decides on the tasks in the request. `planned` lets our tier `plan` draw the plan.",
    "Ours composes the answer without a model; the peers' main agent writes a summary.",
    "Our workers reach the tool through the gateway and a server over HTTP; the peers call a"
    " function in their own process.",
    "The peers verify nothing. Ours checks schema, evidence and criteria of every result.",
    "Every model call takes equally long but for chance (`calls`), which is kind to a main agent"
    " that writes the results of eight workers into new descriptions; with time in proportion to"
    " what is said (`length`) that costs it seconds, as with a real model.",
    "A supervisor hands over to one worker at a time by its default; workers get what was said so"
    " far, and give back their last message (`output_mode='last_message'`, also the default).",
    "Prices are not compared: a provider's cache would make a repeated prompt cheaper.",
    "The parts of deepagents' prompts that nobody here needs (files, summaries) are its default.",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One system on the job."""

    system: str
    pacing: Pacing
    seconds: float
    calls: int
    prompt_tokens: int
    roles: dict[str, int]
    """Model calls by who was played: worker, main, planner, judge."""


def row(system: str, pacing: Pacing, seconds: float, world: World) -> Row:
    """What the provider counted since it was told to begin."""
    counts = world.counts()
    return Row(
        system=system,
        pacing=pacing,
        seconds=round(seconds, 3),
        calls=counts["provider"]["calls"],
        prompt_tokens=counts["provider"]["prompt_tokens"],
        roles=counts["roles"],
    )


def begin(world: World, pacing: Pacing) -> None:
    """The job starts anew, and so do the counts."""
    world.begin(pacing)
    world.forget()


async def on_ours(variant: Variant, world: World, pacings: list[Pacing], tell: Tell) -> None:
    """The job on our harness, in a process of its own like the peers."""
    with tempfile.TemporaryDirectory() as folder:
        settings = install(Path(folder), world, WIDTH)
        by = "model" if variant == "planned" else "spec"
        name = add_job(settings, by=by, judged=variant == "judged")
        async with open_house(settings) as house:
            await _job(house, name, "warm")
            rows = []
            for pacing in pacings:
                begin(world, pacing)
                seconds = await _job(house, name, f"{variant}-{pacing}")
                rows.append(asdict(row(variant, pacing, seconds, world)))
    tell(rows)


async def _job(house: House, name: str, run: str) -> float:
    ran = await house.run(name, REQUEST, run)
    if ran.outcome is None or ran.outcome["status"] != "done":
        raise SystemExit(f"The job did not end: {ran.outcome}")
    missing = [id for id in ASSIGNMENTS if finding(id) not in ran.outcome["text"]]
    if missing:
        raise SystemExit(f"The answer lacks {', '.join(missing)}.")
    return ran.seconds


def on_peer(system: str, world: World, pacings: list[Pacing]) -> tuple[list[Row], dict[str, str]]:
    """The job on a peer, and the versions that it ran on."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Peer("fixed_job", system, world.provider, f"{folder}/peer.sqlite") as peer,
    ):
        peer.ask(thread="warm")
        rows = []
        for pacing in pacings:
            begin(world, pacing)
            told = peer.ask(thread=pacing)
            if told["answer"] != summary():
                raise SystemExit(f"{system} ended with another answer: {told['answer'][:300]}")
            rows.append(row(system, pacing, told["seconds"], world))
        return rows, peer.versions


def measure(median: float, pacings: list[Pacing], *, peers: bool) -> Json:
    """All figures."""
    rows: list[Row] = []
    versions: dict[str, str] = {}
    with World(job=median, tokens=True) as world:
        for variant in VARIANTS:
            progress(f"the job on ours, {variant}")
            told = in_child(partial(on_ours, variant, world, pacings))
            rows.extend(Row(**one) for one in told)
        for system in PEERS if peers else ():
            progress(f"the job on {system}")
            theirs, versions = on_peer(system, world, pacings)
            rows.extend(theirs)
    return {
        **ratios(rows),
        "goals": {
            "prompt_tokens_ratio": 0.20,
            "makespan_ratio": 0.80,
            "with_judge_prompt_tokens_ratio": 0.25,
            "with_judge_makespan_ratio": 1.0,
        },
        "judge_called": any(one.roles.get("judge") for one in rows if one.system == "judged"),
        "job": {"tasks": len(ASSIGNMENTS), "independent": 8, "dependent": 3, "width": WIDTH},
        "median_seconds_of_a_call": median,
        "tokenizer": NAME,
        "unfair": UNFAIR,
        "machine": machine("langchain-litellm", "litellm", "tiktoken") | {"peers": versions},
        "systems": [asdict(one) for one in rows],
    }


def ratios(rows: list[Row]) -> dict[str, float]:
    """Ours over deepagents; makespans of the pacing `calls` stand first, without its name."""
    by = {(one.system, one.pacing): one for one in rows}
    found: dict[str, float] = {}
    prefixes: dict[Variant, str] = {"ours": "", "judged": "with_judge_", "planned": "planned_"}
    for variant, prefix in prefixes.items():
        for pacing in PACINGS:
            ours, theirs = by.get((variant, pacing)), by.get(("deepagents", pacing))
            if ours is None or theirs is None:
                continue
            suffix = "" if pacing == "calls" else "_by_length"
            found[f"{prefix}makespan_ratio{suffix}"] = round(ours.seconds / theirs.seconds, 4)
            if pacing == "calls":
                share = ours.prompt_tokens / theirs.prompt_tokens
                found[f"{prefix}prompt_tokens_ratio"] = round(share, 4)
    return found


def tell(figures: Json) -> None:
    """The tables."""
    systems = [Row(**one) for one in figures["systems"]]
    base = {one.pacing: one for one in systems if one.system == "deepagents"}
    lines = []
    for one in systems:
        peer = base.get(one.pacing)
        lines.append(
            [
                one.system,
                one.pacing,
                one.calls,
                one.prompt_tokens,
                one.prompt_tokens / peer.prompt_tokens if peer else None,
                one.seconds,
                one.seconds / peer.seconds if peer else None,
                ", ".join(f"{role} {count}" for role, count in sorted(one.roles.items())),
            ]
        )
    columns = ["system", "pacing", "calls", "prompt tokens", "of deepagents", "seconds"]
    show("One fixed job", [*columns, "of deepagents", "calls by role"], lines)


def main() -> None:
    """Measure, show, and keep the figures."""
    parser = argparse.ArgumentParser(description="Calls, tokens and makespan of one fixed job.")
    parser.add_argument("--small", action="store_true", help="quick calls, one pacing")
    parser.add_argument("--median", type=float, help="seconds of the median model call")
    parser.add_argument("--no-peers", action="store_true", help="ours alone")
    given = parser.parse_args()
    median = given.median or (0.1 if given.small else 2.0)
    pacings: list[Pacing] = ["calls"] if given.small else list(PACINGS)
    figures = measure(median, pacings, peers=not given.no_peers)
    tell(figures)
    progress(f"written to {write('tokens', figures, small=given.small)}")


if __name__ == "__main__":
    main()
