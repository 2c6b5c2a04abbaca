"""Effects of unknown outcome: which there are, and what a person found out about one of them.

The gateway never sends such an effect again on a guess; only somebody who looked at its target
knows what happened.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click

from app.questions import visible
from graphs.host import holders_gone
from ledger.effects import Effect
from ledger.store import Ledger, open_ledger
from runtime.canonical import Json
from runtime.errors import RequestError, UnknownRun, UserError
from runtime.settings import Settings
from tools.config import load_tools
from tools.masking import Masking
from tools.results import Answer
from tools.secrets_known import known_secrets

_LARGEST = 200_000
"""Characters of a result that a person hands in."""


async def open_effects(settings: Settings) -> list[Effect]:
    """Effects that may have happened, the oldest first; those that are under way are not among
    them."""
    async with open_ledger(settings.ledger) as ledger:
        found = await ledger.effects.unsettled()
        driven = await _driven(ledger, found)
        return [one for one in found if one.state == "unknown" or one.run not in driven]


def opened_json(found: Sequence[Effect]) -> Json:
    """Effects as data."""
    return [dataclasses.asdict(one) for one in found]


def show_opened(found: Sequence[Effect], home: str) -> None:
    """Print each effect, and the command that settles it."""
    if not found:
        click.echo("There is no effect of unknown outcome.")
        return
    for one in found:
        at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(one.at))
        told = "unknown" if one.state == "unknown" else "cut off"
        click.echo(f"{click.style(one.key, bold=True)}  {told} since {at}")
        click.echo(f"  {one.tool} of run {one.run}, task {one.task}")
        click.echo(f"  {visible(json.dumps(one.arguments, ensure_ascii=False))}")
    at_home = f" --home {home}" if home else ""
    click.echo("Look at the target of each, then: ", nl=False)
    click.echo(f"switchyard effects settle KEY done|not-done{at_home}")


async def settle(
    settings: Settings, key: str, *, happened: bool, result: str | None, by: str
) -> Effect:
    """Record what a person found at the target of an effect; the effect as it is then.

    Args:
        key: A key, or its beginning.
        result: File of what the target says, JSON or text; `-` reads stdin.

    Raises:
        UnknownRun: there is no such effect, or there are several.
        UserError: it is settled already, or its run is being driven.
        RequestError: the result cannot be read, or there is one of what did not happen.
    """
    if result is not None and not happened:
        raise RequestError(
            "What did not happen has no result.",
            field="--result",
            value=result,
            remedy="Leave it out, or settle the effect as done.",
        )
    answer = _answer(settings, by, result)
    async with open_ledger(settings.ledger) as ledger:
        found = await _known(ledger, key)
        kept = await ledger.exchanges.keep(answer.content()) if happened else None
        if not await ledger.effects.settle(
            found.key,
            "done" if happened else "failed",
            kept,
            was=("started", "unknown"),
            by=by,
        ):
            raise await _too_late(ledger, found.key)
        settled = await ledger.effects.get(found.key)
        assert settled is not None, "the row was just written"
        return settled


def settled_json(settled: Effect) -> Json:
    """A settled effect as data."""
    return dataclasses.asdict(settled)


def show_settled(settled: Effect) -> None:
    """Say what follows for the same call."""
    if settled.state == "done":
        click.echo(f"{settled.tool} counts as done: the same call gets the recorded result.")
    else:
        click.echo(f"{settled.tool} counts as not done: the same call may be sent again.")


async def _known(ledger: Ledger, key: str) -> Effect:
    found = [one for one in await ledger.effects.unsettled() if key and one.key.startswith(key)]
    if not found and await ledger.effects.get(key):
        raise await _too_late(ledger, key)
    if len(found) != 1:
        remedy = "`switchyard effects` lists those of unknown outcome."
        if found:
            remedy = f"{len(found)} keys begin so; give more of the key."
        raise UnknownRun("effect", key, remedy=remedy)
    if found[0].state == "started" and found[0].run in await _driven(ledger, found):
        raise UserError(
            f"{found[0].tool} is under way: run {found[0].run} is being driven.",
            remedy=f"Wait for it, or end it first: switchyard cancel {found[0].run}",
        )
    return found[0]


async def _driven(ledger: Ledger, found: Sequence[Effect]) -> set[str]:
    """Which of the runs of these effects a living process drives."""
    if not found:
        return set()
    away = await holders_gone(ledger)
    rows = await ledger.runs.some({one.run for one in found})
    return {row.id for row in rows if row.holder and row.holder not in away}


async def _too_late(ledger: Ledger, key: str) -> UserError:
    now = await ledger.effects.get(key)
    state = now.state if now else "gone"
    run = now.run if now else ""
    return UserError(
        f"The effect {key[:12]} is settled already: {state}.",
        remedy=f"See by whom: switchyard audit show --run {run}",
    )


def _answer(settings: Settings, by: str, result: str | None) -> Answer:
    """What the same call gets from now on, without secrets of this installation."""
    told = f"{by} looked at the target and recorded that it was done."
    if result is None:
        return Answer(text=f"{told} What the target said is not known.", data=None, error=False)
    text = _read(result)
    try:
        data = json.loads(text)
    except ValueError:
        data = None
    if isinstance(data, dict):
        text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    else:
        data = None
    environment = {**os.environ, **settings.for_servers()}
    masking = Masking(known_secrets(load_tools(settings.config / "mcp.json"), environment))
    return masking.answer(Answer(text=text, data=data, error=False, note=told))


def _read(file: str) -> str:
    try:
        text = sys.stdin.read() if file == "-" else Path(file).expanduser().read_text("utf-8")
    except (OSError, ValueError) as error:
        raise RequestError(
            f"{file} cannot be read: {error}",
            field="--result",
            value=file,
            remedy="Name a file of JSON or text.",
        ) from error
    if len(text) > _LARGEST:
        raise RequestError(
            f"{file} has {len(text):,} characters, {_LARGEST:,} are taken",
            field="--result",
            value=file,
            remedy="Hand in what matters of it.",
        )
    return text.strip()
