"""Reads runs from the ledger for `switchyard runs`."""

from __future__ import annotations

import dataclasses

from app.lookup import known_run
from app.record import Record, gather
from ledger.runs import Run
from ledger.store import open_ledger
from models.config import load_models
from models.deployment import Deployment
from models.frontier import frontier_of
from runtime.canonical import Json
from runtime.errors import ConfigError
from runtime.settings import Settings


async def latest(settings: Settings, limit: int) -> list[Run]:
    """The newest runs first."""
    async with open_ledger(settings.ledger) as ledger:
        return await ledger.runs.latest(limit)


def latest_json(runs: list[Run]) -> Json:
    """The runs as data, without their answers."""
    return [
        {name: value for name, value in dataclasses.asdict(run).items() if name != "answer"}
        for run in runs
    ]


async def recorded(settings: Settings, id: str) -> Record:
    """Everything about one run.

    Raises:
        UnknownRun: no run has this id, or several begin with it.
    """
    async with open_ledger(settings.ledger) as ledger:
        return await gather(ledger, await known_run(ledger, id), _frontier(settings))


def _frontier(settings: Settings) -> Deployment | None:
    try:
        return frontier_of(load_models(settings.config / "models.yaml", keys=False))
    except ConfigError:
        # What is on record can be read whatever the configuration is now; `check` tells of that.
        return None
