"""Nodes wait for the services while somebody opens them, however long that takes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import graphs.services
from graphs.classifier import LocalStage
from graphs.services import open_services, services_when_open
from runtime.errors import OperatorError
from runtime.settings import Settings
from tests.graphs.installation import written


async def test_a_node_waits_while_the_services_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trains, may_end = asyncio.Event(), asyncio.Event()
    train = graphs.services.train_local_stage

    async def slowly(*given: object) -> LocalStage:
        trains.set()
        await may_end.wait()
        return await train(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(graphs.services, "train_local_stage", slowly)

    settings = Settings(home=tmp_path, config=written(tmp_path))

    async def opened() -> None:
        async with open_services(settings):
            await waiting

    opening = asyncio.create_task(opened())
    async with asyncio.timeout(20):
        await trains.wait()
    waiting = asyncio.create_task(services_when_open(seconds=0))
    done, _ = await asyncio.wait([waiting], timeout=0.3)
    assert not done
    may_end.set()
    assert (await waiting).settings.home == tmp_path
    await opening


async def test_without_anybody_who_opens_them_it_says_so() -> None:
    with pytest.raises(OperatorError, match="not open"):
        await services_when_open(seconds=0)
