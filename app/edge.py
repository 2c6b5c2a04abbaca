"""The edge between our errors and the person at the terminal.

A mistake of theirs is a message with its remedy; only what nobody foresaw keeps its traceback.
"""

from __future__ import annotations

import sys

import click

from app.exit_codes import Exit
from runtime.errors import ConfigError, SwitchyardError, UserError


class EdgeGroup(click.Group):
    """A click group whose commands may raise `SwitchyardError`."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command that was asked for; turn known errors into message and exit code."""
        try:
            return super().invoke(ctx)
        except SwitchyardError as error:
            tell(error)
            ctx.exit(code_of(error))
        except KeyboardInterrupt:
            click.echo("\nInterrupted.", err=True)
            ctx.exit(Exit.interrupted)


def tell(error: SwitchyardError) -> None:
    """Message and remedy on stderr."""
    click.echo(f"{click.style('Error:', fg='red')} {error.message}", err=True)
    if error.remedy:
        click.echo(f"{click.style('Remedy:', fg='green')} {error.remedy}", err=True)


def code_of(error: SwitchyardError) -> Exit:
    """2 where the caller or a file is wrong, 1 where something else failed."""
    return Exit.rejected if isinstance(error, UserError | ConfigError) else Exit.failed


def terminal() -> bool:
    """Whether a person can be asked: both ends of the conversation are a terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty()
