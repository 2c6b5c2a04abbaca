"""The live view of a run on a terminal: route, plan as a tree, what is going on, spend."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text
from rich.tree import Tree

from app.progress import ENDED, DispatchSeen, Progress, TaskSeen
from runtime.canonical import Json

_MARKS = {
    "planned": ("·", "dim"),
    "running": ("▶", "cyan"),
    "retrying": ("↻", "yellow"),
    "escalated": ("↑", "yellow"),
    "paused": ("‖", "magenta"),
    "accepted": ("✔", "green"),
    "failed": ("✘", "red"),
    "blocked": ("⊘", "red"),
    "cancelled": ("■", "yellow"),
}
_SHOWN = 4
"""Members of a group of mapped tasks that are shown by themselves while they work."""


class LiveView:
    """Draws on the given console, which is a terminal, until `showing` is left."""

    def __init__(self, progress: Progress, console: Console) -> None:
        self._progress = progress
        self._console = console
        self._began = time.monotonic()
        self._spinner = Spinner("dots", style="cyan")
        self._working = False

    def take(self, event: Mapping[str, Json]) -> None:
        """Note an event; it shows with the next refresh."""
        self._progress.take(event)

    @contextmanager
    def showing(self) -> Iterator[None]:
        """Draw while the run works; what was drawn last stays on the screen."""
        with Live(
            get_renderable=self._drawn,
            console=self._console,
            refresh_per_second=8,
        ) as live:
            self._working = True
            try:
                yield
            finally:
                self._working = False
                live.refresh()

    def _drawn(self) -> RenderableType:
        tree = drawing(self._progress)
        seconds = time.monotonic() - self._began
        footer = Text(f"{spend(self._progress)} · {seconds:.0f} s", style="dim")
        if not self._working:
            return Group(tree, footer)
        self._spinner.update(text=footer)
        return Group(tree, self._spinner)


def drawing(progress: Progress) -> Tree:
    """The run as a tree: the route, its dispatches, their tasks."""
    if not progress.stage:
        return Tree(Text("reading the request", style="dim"))
    names = " → ".join(one.specialist for one in progress.dispatches.values()) or progress.kind
    head = Text.assemble(("route ", "dim"), (names, "bold"), (f"  by {progress.stage}: ", "dim"))
    tree = Tree(head.append(progress.reason, style="dim"))
    for dispatch in progress.dispatches.values():
        _add_dispatch(tree, dispatch)
    return tree


def spend(progress: Progress) -> str:
    """What the run consumed so far, in one line."""
    return (
        f"{progress.calls} model calls · {progress.tokens:,} tokens · ${progress.cost:.4f}"
        f" · {progress.tool_calls} tool calls"
    )


def _add_dispatch(tree: Tree, dispatch: DispatchSeen) -> None:
    own = dispatch.tasks.get(dispatch.id, TaskSeen(id=dispatch.id))
    label = _line(own, f"{dispatch.id} {dispatch.specialist}")
    if dispatch.planned:
        done = sum(task.state == "accepted" for task in dispatch.planned)
        label = Text.assemble(
            (f"{dispatch.id} {dispatch.specialist}", "bold"), f"  {done}/{len(dispatch.planned)}"
        )
    if dispatch.needs:
        label.append(f"  after {', '.join(dispatch.needs)}", style="dim")
    branch = tree.add(label)
    groups: dict[str, Tree] = {}
    for task in dispatch.planned:
        if not task.group:
            branch.add(_line(task, _short(task)))
        elif task.group not in groups:
            members = [one for one in dispatch.planned if one.group == task.group]
            groups[task.group] = branch.add(_group(task.group, members))
            for busy in [one for one in members if _is_news(one)][:_SHOWN]:
                groups[task.group].add(_line(busy, _short(busy)))


def _group(name: str, members: list[TaskSeen]) -> Text:
    done = sum(task.state == "accepted" for task in members)
    state = "accepted" if done == len(members) else "running"
    if all(task.state == "planned" for task in members):
        state = "planned"
    mark, style = _MARKS[state]
    return Text.assemble((f"{mark} ", style), f"{name} {done}/{len(members)}")


def _is_news(task: TaskSeen) -> bool:
    """Of many mapped tasks only those that work or went wrong are worth a line."""
    return task.state not in ("planned", "accepted")


def _line(task: TaskSeen, name: str) -> Text:
    mark, style = _MARKS.get(task.state, ("?", "dim"))
    line = Text.assemble((f"{mark} ", style), name)
    if task.tool and task.state not in ENDED:
        line.append(f"  {task.tool}", style="cyan")
    elif task.state not in ("planned", "running", "accepted"):
        line.append(f"  {task.state}: {task.reason}"[:160], style=style)
    if task.attempt > 1:
        line.append(f"  attempt {task.attempt}", style="yellow")
    return line


def _short(task: TaskSeen) -> str:
    own = task.id.partition("/")[2]
    return f"{own}  {task.objective[:70]}".rstrip() if not task.group else own
