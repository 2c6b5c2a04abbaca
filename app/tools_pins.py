"""What the tools are pinned to, and the release of those that changed, as an operator sees it."""

from __future__ import annotations

import difflib
import json
import time

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from app.edge import terminal
from runtime.canonical import Json
from runtime.errors import UserError
from runtime.settings import Settings
from tools.definition import Definition
from tools.invisible import revealed
from tools.pins import FILE, Pins, Review

_WIDTH = 160


def pinned(settings: Settings, server: str = "") -> Json:
    """Every pinned or waiting tool, as data.

    Raises:
        ConfigError: the pins cannot be read.
    """
    return [
        {
            "tool": f"{name}_{tool}",
            "server": name,
            "state": "quarantine" if tool in known.waiting else "pinned",
            "sha256": known.pinned[tool].sha256 if tool in known.pinned else "",
            "since": known.pinned[tool].since if tool in known.pinned else None,
            "by": known.pinned[tool].by if tool in known.pinned else "",
            "invisible": known.pinned[tool].definition.invisible if tool in known.pinned else 0,
        }
        for name, known in _pins(settings).known(server).items()
        for tool in sorted({*known.pinned, *known.waiting})
    ]


def show_pinned(found: Json) -> None:
    """The pins as a table; what is in quarantine with the command that releases it."""
    table = Table("tool", "state", "sha256", "since", "by", box=None, pad_edge=False)
    for one in found:
        since = time.strftime("%Y-%m-%d", time.localtime(one["since"])) if one["since"] else ""
        by = one["by"] or ("first sight" if one["since"] else "")
        hidden = f" ({one['invisible']} invisible characters)" if one["invisible"] else ""
        table.add_row(
            escape(revealed(one["tool"])), one["state"] + hidden, one["sha256"][:12], since, by
        )
    console = Console()
    console = console if console.is_terminal else Console(width=_WIDTH)
    console.print(table if found else "Nothing is pinned yet: no tool server was started here.")
    if any(one["state"] == "quarantine" for one in found):
        click.echo("See and release what changed with: switchyard tools approve SERVER_TOOL")


def release(settings: Settings, name: str, *, by: str, yes: bool, quiet: bool = False) -> Json:
    """Show the changes of a tool or a server, and pin them if somebody agrees.

    Raises:
        UserError: nothing waits under this name, or nobody agreed.
    """
    pins = _pins(settings)
    server, _, tool = name.partition("_")
    reviews = pins.reviews(server, tool)
    if not reviews:
        waiting = ", ".join(f"{one.server}_{one.tool}" for one in pins.reviews()) or "none"
        raise UserError(
            f"No tool waits for approval under {name!r}.", remedy=f"In quarantine: {waiting}."
        )
    if not quiet:
        for review in reviews:
            click.echo("\n".join(changes(review)))
    if not yes and not (terminal() and not quiet and click.confirm("Release what is shown?")):
        raise UserError(
            "Nothing was released.", remedy="Read the change, then add --yes to approve it."
        )
    pins.approve(reviews, by)
    if not quiet:
        click.echo(f"Released by {by}: {', '.join(f'{one.server}_{one.tool}' for one in reviews)}")
    return [
        {"tool": f"{one.server}_{one.tool}", "change": one.change, "sha256": one.sha256, "by": by}
        for one in reviews
    ]


def changes(review: Review) -> list[str]:
    """A change as a diff, with invisible characters written out."""
    name = f"{review.server}_{review.tool}"
    lines = difflib.unified_diff(
        _lines(review.before), _lines(review.now), f"{name} (pinned)", f"{name} (now)", lineterm=""
    )
    return [revealed(line) for line in lines]


def _lines(definition: Definition | None) -> list[str]:
    if definition is None:
        return []
    laid_out = json.dumps(definition.model_dump(), indent=2, ensure_ascii=False, sort_keys=True)
    # A description of many lines is compared by its lines.
    return laid_out.replace("\\n", "\n").splitlines()


def _pins(settings: Settings) -> Pins:
    return Pins(settings.home.resolve() / FILE)
