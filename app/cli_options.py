"""What the commands of `switchyard` share: options, settings, and how data is printed."""

# ruff: noqa: PLC0415 - `--help` is instant, because a command imports the rooms when it runs.

from __future__ import annotations

import json as jsonlib
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from runtime.settings import Settings

home_option = click.option(
    "--home", default="", metavar="PATH", help="Folder of ledger and checkpoints (SWITCHYARD_HOME)."
)
json_option = click.option(
    "--json", is_flag=True, help="Print JSON on stdout, and nothing else there."
)


def settings_at(home: str) -> Settings:
    """The settings of this process, with the home that was asked for."""
    from app.places import settings_for

    return settings_for(home)


def print_json(data: Any) -> None:  # noqa: ANN401 - a JSON value
    """One value as JSON on stdout."""
    click.echo(jsonlib.dumps(data, ensure_ascii=False, indent=2))
