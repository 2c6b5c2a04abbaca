"""The processor time of a call of a model, ours beside others: `make bench-models`.

Every way runs in a process of its own, all ask one provider that answers at once, and they take
turns within one run. What the provider needs is not in it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from bench.fixed import FixedProvider
from bench.model_prompts import KINDS
from bench.peer import Peer
from bench.report import machine, progress, show, write
from runtime.canonical import Json

WAYS = ("ours", "router", "chat_router", "chat_openai", "acompletion")
GOALS = {"ratio": 1.0, "ratio_to_chat_router": 1.15}
_ITSELF = Path(sys.executable)
Figures = dict[str, dict[str, list[float]]]


def callers(stack: ExitStack, address: str, *, peers: bool) -> dict[str, Peer]:
    """The process that goes each way."""

    def opened(module: str, **where: Path) -> Peer:
        return stack.enter_context(Peer(module, address, **where))

    bare = opened("bench.model_bare", python=_ITSELF)
    found = dict.fromkeys(("router", "chat_router", "acompletion"), bare)
    found["ours"] = opened("bench.model_ours", python=_ITSELF)
    if peers:
        found["chat_openai"] = opened("chat_openai")
    return found


def measure(ways: Mapping[str, Peer], *, rounds: int, calls: int) -> Figures:
    """Milliseconds of a call by kind and way, one figure for each round."""
    read: Figures = {kind: {way: [] for way in WAYS if way in ways} for kind in KINDS}
    for number in range(-1, rounds):
        for kind, figures in read.items():
            for way in figures:
                first = (number + 1) * calls
                took = ways[way].ask(way=way, kind=kind, first=first, count=calls)
                if number >= 0:  # The round before that warms caches up.
                    figures[way].append(float(str(took)))
        progress(f"round {number + 1} of {rounds}")
    return read


def told(read: Figures) -> dict[str, Json]:
    """Medians by kind and way; ratios are taken within a round, and their median is told."""
    kinds: dict[str, Json] = {}
    for kind, figures in read.items():
        middle = {way: round(statistics.median(all_), 3) for way, all_ in figures.items()}
        ratios = {
            f"ratio_to_{way}": round(_ratio(figures["ours"], figures[way]), 3)
            for way in figures
            if way != "ours"
        }
        kinds[kind] = {"cpu_ms": middle, **ratios}
    plain = read["short"]
    return {
        **{f"cpu_ms_{way}": round(statistics.median(all_), 3) for way, all_ in plain.items()},
        "ratio": round(_ratio(plain["ours"], plain["router"]), 3),
        "ratio_to_chat_router": round(_ratio(plain["ours"], plain["chat_router"]), 3),
        "kinds": kinds,
    }


def _ratio(ours: list[float], theirs: list[float]) -> float:
    return statistics.median(one / other for one, other in zip(ours, theirs, strict=True))


def main() -> None:
    """Measure, show, and keep the figures."""
    parser = argparse.ArgumentParser(description="Processor time of a call of a model.")
    parser.add_argument("--small", action="store_true", help="a sample")
    parser.add_argument("--no-peers", action="store_true", help="without ChatOpenAI")
    given = parser.parse_args()
    rounds, calls = (3, 20) if given.small else (9, 40)
    with FixedProvider(seconds=0) as provider, ExitStack() as stack:
        ways = callers(stack, provider.address, peers=not given.no_peers)
        versions = {name: one for peer in ways.values() for name, one in peer.versions.items()}
        read = measure(ways, rounds=rounds, calls=calls)
        came = provider.counts()["calls"]
    asked = (rounds + 1) * calls * sum(len(figures) for figures in read.values())
    if came != asked:
        raise SystemExit(f"{came} calls reached the provider, {asked} were made")
    figures = told(read)
    rows = [
        [kind, *(statistics.median(ways_[way]) if way in ways_ else None for way in WAYS)]
        for kind, ways_ in read.items()
    ]
    show("Milliseconds of processor time of one call", ["kind", *WAYS], rows)
    show("Ours", ["figure", "read", "goal"], [[name, figures[name], GOALS[name]] for name in GOALS])
    about = machine("litellm", "langchain-litellm")
    about |= {"peers": versions, "load": round(os.getloadavg()[0], 1)}
    figures |= {"calls": calls, "rounds": read, "goals": GOALS, "about": about}
    progress(f"written to {write('models', figures, small=given.small)}")


if __name__ == "__main__":
    main()
