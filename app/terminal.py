"""Reads a line from the terminal without stopping the event loop.

A prompt in a thread would hang on Ctrl-C, and one in the loop would stop every tool session.
"""

from __future__ import annotations

import asyncio
import sys

import click

from app.questions import Question, answer_to, in_lines
from runtime.canonical import Json
from runtime.errors import UserError


async def read_line() -> str | None:
    """The next line that is typed, without its end; None once the terminal is closed."""
    loop = asyncio.get_running_loop()
    typed: asyncio.Future[str] = loop.create_future()

    def take() -> None:
        if not typed.done():
            # The terminal hands over whole lines, so this does not wait.
            typed.set_result(sys.stdin.readline())

    loop.add_reader(sys.stdin.fileno(), take)
    try:
        line = await typed
    finally:
        loop.remove_reader(sys.stdin.fileno())
    return line.rstrip("\r\n") if line else None


async def ask(question: Question) -> Json | None:
    """Put a question to the person at the terminal, until it is answered.

    Returns:
        The resume value; None when the person leaves it for later.
    """
    click.echo("", err=True)
    for line in in_lines(question.kind, question.task, question.question):
        click.echo(line, err=True)
    hint = "your answer" if question.in_words else "approve / refuse"
    while True:
        click.echo(f"{hint} (empty: leave it for later) > ", nl=False, err=True)
        said = await read_line()
        if not said or not said.strip():
            return None
        try:
            return answer_to(question.approval, question.kind, said)
        except UserError as error:
            click.echo(str(error), err=True)


async def nobody(_question: Question) -> Json | None:
    """Nobody is there to ask: the question stays open."""
    return None
