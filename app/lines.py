"""Progress as plain lines on stderr, where there is no terminal: in CI, in a pipe, in a log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import click

from app.progress import Progress
from runtime.canonical import Json


class PlainView:
    """One line for each thing that happens, none twice."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def take(self, event: Mapping[str, Json]) -> None:
        """Note an event, and say it when it is news."""
        self._progress.take(event)
        line = self._line(event)
        if line:
            click.echo(line, err=True)

    @contextmanager
    def showing(self) -> Iterator[None]:
        """Lines need no frame."""
        yield

    def _line(self, event: Mapping[str, Json]) -> str:
        match event.get("event"):
            case "route":
                names = ", ".join(one["specialist"] for one in event["dispatches"])
                return f"route: {names or event['kind']} (by {event['stage']}: {event['reason']})"
            case "plan":
                return f"plan {event['dispatch']} {event['specialist']}: {_plan(event['tasks'])}"
            case "task":
                return f"{event['task']} {event['state']}: {event['reason']}{self._share()}"
            case "tool" if event["phase"] != "progress":
                return f"{event['task']} {event['tool']} {event['phase']}"
        return ""

    def _share(self) -> str:
        states = self._progress.states()
        total = sum(states.values())
        return f" [{states['accepted']}/{total}]" if total else ""


class NoView:
    """Says nothing, for `--json`."""

    def take(self, event: Mapping[str, Json]) -> None:
        """Leave the event aside."""

    @contextmanager
    def showing(self) -> Iterator[None]:
        """Show nothing."""
        yield


def _plan(tasks: list[Mapping[str, Json]]) -> str:
    """The plan in one line: groups of mapped tasks with their number, others by name."""
    sizes: dict[str, int] = {}
    for task in tasks:
        name = task["group"] or str(task["id"]).partition("/")[2]
        sizes[name] = sizes.get(name, 0) + 1
    return ", ".join(f"{name} x{size}" if size > 1 else name for name, size in sizes.items())
