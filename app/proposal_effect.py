"""What an example would do to routing: the router is trained with and without it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from agents.routing.desk import Desk
from app.golden import NONE, Golden, read_golden
from app.proposal_change import Change, loads
from app.route_desk import Opened
from app.routing import without_model
from harness.plan import Frozen
from runtime.errors import SwitchyardError

_NAMES = ("golden.jsonl", "golden.csv")
"""Files of the configuration that are taken for the golden set."""


class Rerouted(Frozen):
    """A request that goes another way once an example is there."""

    text: str
    before: str
    after: str
    """Whom it goes to; `a model` where the examples leave it open."""
    wanted: str
    """Where it belongs; empty where nobody said."""


def rerouted(opened: Opened, change: Change, texts: Sequence[Golden]) -> list[Rerouted]:
    """The requests that go another way with the change: routing is trained with and without it."""
    changed = loads(change)
    before = opened.desk
    others = [one for one in before.registry.values() if one.name != changed.name]
    after = opened.trained_on((*others, changed))
    found = []
    for one in texts:
        was, would = _way(before, one.text), _way(after, one.text)
        if was != would:
            wanted = " → ".join(one.specialist) or NONE
            found.append(Rerouted(text=one.text, before=was, after=would, wanted=wanted))
    return found


def _way(desk: Desk, text: str) -> str:
    try:
        route = without_model(desk, text).route
    except SwitchyardError:
        return "refused"
    if route is None:
        return "a model"
    return " → ".join(one.specialist for one in route.dispatches) or route.kind


def known_requests(folder: Path, desk: Desk, golden: Path | None) -> list[Golden]:
    """The golden set, else that of a folder if there is one, and the specialists' own examples.

    Raises:
        ConfigError: the golden set is wrong.
    """
    there = (folder / name for name in _NAMES)
    file = golden or next((one for one in there if one.is_file()), None)
    rows = read_golden(file, desk.registry) if file else []
    known = {one.text for one in rows}
    own = [
        Golden(text=text, specialist=(one.name,), intent=intent.name)
        for one in desk.registry.values()
        for intent in one.intents
        for text in dict.fromkeys(intent.examples)
        if text not in known
    ]
    return [*rows, *own]
