"""A thousand sessions at once in one process, ours beside ChatOpenAI: `make bench-sessions`.

A session is an agent of LangChain that calls its model three times, 10 s each. Sessions begin
evenly over the time of one call. The provider is a process of its own, and so is each of the two
systems; they run one after the other.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from bench.fixed import FixedProvider
from bench.peer import Peer
from bench.report import machine, progress, show, write
from bench.session_load import CALLS
from runtime.canonical import Json

GOALS = {"added_p99_ms": 1500, "kb_per_session": 120, "errors": 0}
SYSTEMS = ("ours", "chat_openai")


def measured(system: str, *, sessions: int, seconds: float) -> tuple[dict[str, Json], Json]:
    """The figures of one system, and its versions."""
    with FixedProvider(seconds=seconds) as provider:
        peer = (
            Peer("bench.session_ours", provider.address, python=Path(sys.executable))
            if system == "ours"
            else Peer("sessions_openai", provider.address)
        )
        with peer:
            load = os.getloadavg()[0]
            told = peer.ask(sessions=sessions, seconds=str(seconds))
            assert isinstance(told, dict), told
        counts = provider.counts()
    if counts["calls"] < CALLS * sessions and not told["errors"]:
        raise SystemExit(f"{system}: {counts} reached the provider of {CALLS * sessions} calls")
    figures = {"sessions": sessions, **told, "most_open": counts["most_open"]}
    return figures | {"load": round(load, 1)}, peer.versions


def main() -> None:
    """Measure, show, and keep the figures."""
    parser = argparse.ArgumentParser(description="A thousand sessions at once in one process.")
    parser.add_argument("--small", action="store_true", help="100 sessions at 1 s")
    parser.add_argument("--no-peers", action="store_true", help="without ChatOpenAI")
    given = parser.parse_args()
    sessions, seconds = (100, 1.0) if given.small else (1000, 10.0)
    found, versions = {}, {}
    for system in SYSTEMS[:1] if given.no_peers else SYSTEMS:
        found[system], versions[system] = measured(system, sessions=sessions, seconds=seconds)
        progress(f"{system}: {found[system]}")
    ours = found["ours"]
    names = list(ours)
    rows = [[name, *(one[name] for one in found.values()), GOALS.get(name)] for name in names]
    show(f"{sessions} sessions of {CALLS} calls, {seconds:g} s each", ["", *found, "goal"], rows)
    figures: dict[str, Json] = {
        **ours,
        "seconds_of_a_call": seconds,
        "peers": {name: one for name, one in found.items() if name != "ours"},
        "goals": GOALS,
        "about": machine("litellm") | {"versions_of": versions},
    }
    progress(f"written to {write('sessions', figures, small=given.small)}")


if __name__ == "__main__":
    main()
