"""`switchyard runs`: the latest runs as a table, and one run in full, for a person."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime

from rich.console import Console
from rich.markup import escape
from rich.rule import Rule
from rich.table import Table

from app.live import drawing
from app.progress import Progress, plan_event
from app.questions import in_lines
from app.record import Record
from ledger.approvals import Approval
from ledger.calls import ToolCall
from ledger.runs import Run
from ledger.tasks import TaskRow, Transition
from runtime.canonical import Json

_STATES = {
    "done": "green",
    "accepted": "green",
    "ok": "green",
    "allow": "green",
    "approved": "green",
    "incomplete": "yellow",
    "cancelled": "yellow",
    "withdrawn": "yellow",
    "stopped": "magenta",
    "paused": "magenta",
    "pending": "magenta",
    "ask": "magenta",
    "running": "cyan",
}

_WHOLE = frozenset({"id", "run", "task", "at", "began", "status", "state"})
"""Columns that are never broken: somebody copies from them."""


def show_latest(runs: Sequence[Run], console: Console) -> None:
    """A table of runs, the newest first."""
    if not runs:
        console.print('No runs yet. Try: switchyard run "What can you do?"', markup=False)
        return
    table = _table("run", "began", "status", "took", "request")
    for run in runs:
        request = " ".join(run.request.split())
        shown = request if len(request) <= 70 else request[:69] + "…"
        table.add_row(run.id, _day(run.started_at), _state(run.status), _took(run), escape(shown))
    console.print(table)


def show_record(record: Record, console: Console) -> None:
    """One run: request, route, plan, tasks, transitions, calls, approvals, spend, answer."""
    _head(record.run, console)
    console.print(drawing(_progress(record)))
    _section(console, "Tasks", _tasks(record.tasks), len(record.tasks))
    _section(console, "Transitions", _transitions(record), len(record.transitions))
    _section(console, "Tool calls", _calls(record.tool_calls), len(record.tool_calls))
    _section(console, "Approvals", _approvals(record.approvals), len(record.approvals))
    _section(console, "Model calls", _tiers(record), len(record.model_calls))
    _saved(record, console)
    _answer(record.run, console)


def _head(run: Run, console: Console) -> None:
    console.print(f"[bold]Run {run.id}[/bold]  {_state(run.status)}")
    facts = [
        ("request", run.request),
        ("began", f"{_day(run.started_at)}, took {_took(run)}"),
        ("who", f"{run.user} of {run.tenant}"),
        ("label", run.label),
        ("documents", run.docs),
        ("thread", run.thread),
        ("driven by", run.holder or ""),
        ("cancelled", f"by {run.cancel_by}, {_day(run.cancel_at)}" if run.cancel_at else ""),
    ]
    for name, value in facts:
        if value:
            console.print(f"[dim]{name:>10}[/dim]  ", end="")
            console.print(value, markup=False, soft_wrap=True)


def _progress(record: Record) -> Progress:
    progress = Progress()
    if record.route:
        progress.take({"event": "route", **record.route})
    for row in record.plans:
        progress.take({"event": "plan", **plan_event(row.task, row.specialist, row.plan)})
    for state in record.tasks:
        task = progress.task(state.task)
        task.state, task.reason, task.attempt = state.state, state.reason, state.attempt
    return progress


def _section(console: Console, title: str, table: Table, size: int) -> None:
    if size:
        console.print(Rule(f"{title} ({size})", align="left", style="dim"))
        console.print(table)


def _tasks(rows: Sequence[TaskRow]) -> Table:
    table = _table("task", "state", "attempt", "why")
    for row in rows:
        table.add_row(row.task, _state(row.state), str(row.attempt), escape(row.reason))
    return table


def _transitions(record: Record) -> Table:
    began = record.run.started_at
    table = _table("at", "task", "attempt", "state", "why")
    for row in record.transitions:
        table.add_row(_at(row, began), row.task, str(row.attempt), row.state, escape(row.reason))
    return table


def _calls(rows: Sequence[ToolCall]) -> Table:
    """Two lines a call: what came of it, then who decided and with which arguments."""
    table = _table("id", "task", "call")
    for row in rows:
        took = f" in {row.seconds * 1000:.0f} ms" if row.seconds is not None else ""
        by = ", ".join(row.policies) or "no policy"
        why = "" if row.decision == "allow" else f": {row.reason}"
        table.add_row(
            row.id,
            row.task,
            f"{row.tool}  {_state(row.decision)} [dim]by[/dim] {escape(by + why)}"
            f" → {_state(row.outcome)}{took}\n[dim]{escape(_short(row.arguments))}[/dim]",
        )
    return table


def _approvals(rows: Sequence[Approval]) -> Table:
    table = _table("id", "task", "question")
    for row in rows:
        question = escape("\n".join(in_lines(row.kind, row.task, row.question)))
        by = f" by {row.answered_by}" if row.answered_by else ""
        table.add_row(row.id, row.task, f"{_state(row.state)}{escape(by)}\n{question}")
    return table


def _tiers(record: Record) -> Table:
    names = ("tier", "deployment", "model", "calls", "failed", "tokens in", "cached", "out")
    table = _table(*names, "cost")
    for one in record.tiers:
        table.add_row(
            one.tier,
            one.deployment,
            one.model,
            str(one.calls),
            str(one.failed),
            f"{one.prompt_tokens:,}",
            f"{one.cached_tokens:,}",
            f"{one.completion_tokens:,}",
            f"${one.cost:.4f}",
        )
    return table


def _saved(record: Record, console: Console) -> None:
    found = record.saving
    if found and found.share is not None:
        console.print(
            f"${found.cost:.4f} in all; the same calls on {found.frontier} would have cost"
            f" ${found.there:.4f}: {found.share:.0%} saved.",
            markup=False,
            highlight=False,
        )


def _answer(run: Run, console: Console) -> None:
    if not run.answer:
        return
    console.print(Rule("Answer", align="left", style="dim"))
    console.print(str(run.answer.get("text", "")), markup=False, soft_wrap=True)
    missing: Iterable[str] = run.answer.get("missing", ())
    for why in missing:
        console.print(f"missing: {why}", markup=False, style="yellow")


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column in _WHOLE)
    return table


def _state(word: str) -> str:
    style = _STATES.get(word, "red")
    return f"[{style}]{escape(word)}[/{style}]"


def _at(row: Transition, began: float) -> str:
    return f"+{row.at - began:.2f} s"


def _took(run: Run) -> str:
    return f"{run.finished_at - run.started_at:.1f} s" if run.finished_at else "–"


def _day(instant: float) -> str:
    return datetime.fromtimestamp(instant).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _short(arguments: Json) -> str:
    text = json.dumps(arguments, ensure_ascii=False)
    return text if len(text) <= 120 else text[:119] + "…"
