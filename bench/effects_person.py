"""The person of the benchmark: lists what is not known, settles it, and verifies the audit.

The list and the verification are the real commands; a settlement is, if asked for.
"""

from __future__ import annotations

import json
import subprocess
import sys

from bench.effects_case import Case, Place, again
from bench.forked import Tell, in_child
from runtime.canonical import Json
from runtime.settings import ROOT, Settings


def listed(place: Place) -> dict[str, str]:
    """The task of each effect of unknown outcome, by its key."""
    found = json.loads(_command(place, "effects", "--json"))
    return {one["key"]: one["task"] for one in found}


def settled(case: Case, key: str, *, happened: bool, by_command: bool) -> list[Json]:
    """Say what became of an effect, then make the same call twice in a fresh process."""
    if by_command:
        _command(case.place, "effects", "settle", key, "done" if happened else "not-done")
        return again(case)

    async def live(tell: Tell) -> None:
        from app.effects import settle  # noqa: PLC0415 - only here; processes that die start faster

        home = Settings(home=case.place.folder)
        found = await settle(home, key, happened=happened, result=None, by="bench")
        tell(found.state)

    in_child(live)
    return again(case)


def verified(place: Place) -> bool:
    """Whether the audit of everything that was killed is intact."""
    told = json.loads(_command(place, "audit", "verify", "--json"))
    return bool(told) and all(one["intact"] for one in told)


def _command(place: Place, *args: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "app.cli", *args, "--home", str(place.folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode not in (0, 1) or "Traceback" in done.stderr:
        raise RuntimeError(f"switchyard {' '.join(args)}: {done.stderr}")
    return done.stdout
