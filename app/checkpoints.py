"""Where LangGraph keeps the steps of a run, so that a killed process can go on from the last one.

They lie beside the ledger: in a SQLite file, or in the same PostgreSQL database. The command line
and the server open them alike; `langgraph.json` names `for_server`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeAlias

from app.checkpoints_postgres import ServedCheckpoints, open_served
from app.checkpoints_sqlite import EmbeddedCheckpoints, open_embedded
from ledger.address import parse
from runtime.settings import Settings, load

Checkpoints: TypeAlias = EmbeddedCheckpoints | ServedCheckpoints


@asynccontextmanager
async def open_checkpoints(settings: Settings) -> AsyncIterator[Checkpoints]:
    """The checkpoints of an installation; their tables are created on first use.

    Raises:
        OperatorError: the file cannot be opened or written, or the database cannot be reached.
    """
    address = parse(settings.ledger)
    if address.dialect == "postgresql":
        async with open_served(address) as served:
            yield served
    else:
        async with open_embedded(settings.checkpoints) as embedded:
            yield embedded


@asynccontextmanager
async def for_server() -> AsyncIterator[Checkpoints]:
    """The checkpoints of this installation, as the LangGraph server opens them."""
    async with open_checkpoints(load()) as checkpoints:
        yield checkpoints
