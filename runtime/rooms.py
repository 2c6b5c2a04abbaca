"""Our own packages, and the check that no other package of the same name takes their place.

`agents` is also the import name of a package that is published elsewhere.
"""

from __future__ import annotations

from importlib.util import find_spec

from runtime.settings import ROOT

ROOMS = ("runtime", "ledger", "models", "harness", "tools", "agents", "graphs", "app")


def foreign_rooms() -> dict[str, str]:
    """Rooms that would be imported from outside of this repository, with the place; else empty."""
    places = {room: find_spec(room) for room in ROOMS}
    found = {room: spec.origin or "" if spec else "nowhere" for room, spec in places.items()}
    return {room: place for room, place in found.items() if not place.startswith(f"{ROOT}/")}
