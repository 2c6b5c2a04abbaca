"""Prints what `switchyard models` and its commands found, for a person."""

from __future__ import annotations

import time
from collections.abc import Sequence

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from app.models_call import Tested
from app.models_list import Health, Listed
from app.models_swap import Swap
from models.deployment import Deployment
from models.prices import Prices

_MILLION = 1_000_000


def show_models(found: Listed, console: Console) -> None:
    """A row for each deployment; prices in dollars for a million tokens."""
    state = "active" if found.active else "not active"
    console.print(f"Profile [bold]{escape(found.profile)}[/bold] ({state})")
    table = _table("tier", "id", "model", "cleared for")
    for name in ("in", "cached", "out", "window"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("health", overflow="fold")
    tier = ""
    for one in found.served:
        deployment = one.deployment
        table.add_row(
            deployment.tier if deployment.tier != tier else "",
            escape(deployment.id),
            escape(deployment.model),
            deployment.cleared_for.value,
            *_prices(deployment.prices(0)),
            f"{deployment.max_input_tokens:,}",
            _health(one.health),
        )
        tier = deployment.tier
    console.print(table)
    console.print(
        "Prices in US dollars for a million tokens. Health: the latest calls in this ledger.",
        style="dim",
    )
    for told in [one for served in found.served for one in _of_long_prompts(served.deployment)]:
        console.print(told, style="dim", markup=False)
    others = [name for name in found.profiles if name != found.profile]
    if others:
        console.print(f"Other profiles: {', '.join(others)} (--profile NAME)", style="dim")


def show_tested(run: str, found: Sequence[Tested], console: Console) -> None:
    """A row for each call, and below what went wrong."""
    table = _table("tier", "id", "model", "outcome")
    for name in ("seconds", "tokens in", "out", "cost"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in found:
        style = "green" if one.outcome == "ok" else "red"
        table.add_row(
            one.tier,
            escape(one.id),
            escape(one.model),
            f"[{style}]{escape(one.outcome)}[/{style}]",
            f"{one.seconds:.2f}",
            f"{one.prompt_tokens:,}",
            f"{one.completion_tokens:,}",
            f"${one.cost:.6f}",
        )
    console.print(table)
    for one in found:
        if one.told:
            console.print(f"{one.id}: {one.told}", markup=False, soft_wrap=True, style="red")
    console.print(f"Run {run}", style="dim", markup=False)


def show_swap(found: Swap, console: Console) -> None:
    """The diff, what recorded calls would cost, and what is left to do."""
    show_diff(found.diff)
    if not found.diff:
        console.print("Nothing changes: the file says so already.", markup=False)
        return
    _show_estimates(found, console)
    for note in found.notes:
        console.print(note, markup=False, style="yellow", soft_wrap=True)
    told = f"Written to {found.file}." if found.written else "Nothing was written."
    console.print(told, markup=False, soft_wrap=True)


def show_diff(diff: str) -> None:
    """A unified diff, coloured on a terminal."""
    for line in diff.splitlines():
        colour = (
            {"+": "green", "-": "red"}.get(line[:1]) if line[:3] not in ("+++", "---") else None
        )
        click.echo(click.style(line, fg=colour) if colour else line)


def _show_estimates(found: Swap, console: Console) -> None:
    if not found.estimates:
        console.print("No recorded call went there: there is nothing to estimate by.")
        return
    table = _table("tier", "from", "to")
    for name in ("calls", "tokens in", "out", "booked", "now", "then"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in found.estimates:
        table.add_row(
            one.tier,
            escape(one.old),
            escape(one.new),
            f"{one.calls:,}",
            f"{one.prompt_tokens:,}",
            f"{one.completion_tokens:,}",
            *(f"${amount:.4f}" for amount in (one.recorded, one.before, one.after)),
        )
    console.print(table)
    before = sum(one.before for one in found.estimates)
    after = sum(one.after for one in found.estimates)
    change = f", {after / before - 1:+.0%}" if before else ""
    console.print(
        f"These calls at the present prices: ${before:.4f}; at the new ones: ${after:.4f}{change}."
        " Another model counts and writes a little differently.",
        markup=False,
        soft_wrap=True,
    )


def _prices(one: Prices) -> tuple[str, str, str]:
    amounts = (one.prompt, one.cache_read, one.answer)
    first, second, third = (f"{amount * _MILLION:,.2f}" for amount in amounts)
    return first, second, third


def _of_long_prompts(one: Deployment) -> list[str]:
    """What it costs besides, where that depends on the prompt."""
    return [
        f"{one.id} from {least:,} tokens of prompt on: in {prompt}, cached {read}, out {answer}."
        for least, (prompt, read, answer) in ((n, _prices(found)) for n, found in one.ladder)
        if least
    ]


def _health(found: Health | None) -> str:
    if found is None:
        return "[dim]no call yet[/dim]"
    style = "green" if found.last == "ok" else "red"
    ago = time.strftime("%Y-%m-%d %H:%M", time.localtime(found.last_at))
    took = f", {found.median_seconds:.2f} s" if found.median_seconds is not None else ""
    failed = f", {found.failed} of {found.calls} failed" if found.failed else ""
    return f"[{style}]{escape(found.last)}[/{style}]{failed}{took} [dim]{ago}[/dim]"


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
