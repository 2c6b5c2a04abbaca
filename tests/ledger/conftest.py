"""The same contract for both databases: every test that asks for `url` or `ledger` runs on each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from ledger.store import Ledger, open_ledger
from tests.ledger.postgres import server


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a ledger without a row."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    return server().emptied()


@pytest.fixture(params=["sqlite", "postgresql"])
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without a table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'new' / 'ledger.sqlite'}"
    else:
        with server().database() as served:
            yield served


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def ledger(url: str, clock: Clock) -> AsyncIterator[Ledger]:
    async with open_ledger(url, clock) as opened:
        yield opened


@pytest.fixture
async def other(ledger: Ledger, url: str, clock: Clock) -> AsyncIterator[Ledger]:
    """The same ledger, opened by another process as far as it can tell."""
    async with open_ledger(url, clock) as opened:
        yield opened
