"""Checkpoints on disk and in PostgreSQL, and the clean-ups that the server asks for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, TypedDict

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.graph import END, START, StateGraph

from app.checkpoints import Checkpoints, for_server, open_checkpoints
from runtime.errors import OperatorError
from runtime.settings import Settings, load
from tests.ledger.postgres import server


class Count(TypedDict):
    n: int


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Settings]:
    """An installation without a checkpoint, on each of the databases."""
    monkeypatch.setenv("SWITCHYARD_HOME", str(tmp_path / "new"))
    monkeypatch.delenv("SWITCHYARD_LEDGER_URL", raising=False)
    if request.param == "sqlite":
        yield load()
    else:
        with server().database() as url:
            monkeypatch.setenv("SWITCHYARD_LEDGER_URL", url)
            yield load()


@pytest.fixture
async def checkpoints(settings: Settings) -> AsyncIterator[Checkpoints]:
    async with open_checkpoints(settings) as opened:
        yield opened


def graph(checkpoints: Checkpoints) -> Any:  # noqa: ANN401 - a compiled graph has four parameters
    async def add(state: Count) -> Count:
        return {"n": state["n"] + 1}

    builder = StateGraph(Count)
    builder.add_node("add", add)
    builder.add_edge(START, "add")
    builder.add_edge("add", END)
    return builder.compile(checkpointer=checkpoints)


def at(thread: str, run: str) -> RunnableConfig:
    return {"configurable": {"thread_id": thread}, "metadata": {"run_id": run}}


async def steps(checkpoints: Checkpoints, thread: str) -> int:
    return len([one async for one in checkpoints.alist({"configurable": {"thread_id": thread}})])


async def test_steps_outlive_the_process_that_made_them(settings: Settings) -> None:
    async with open_checkpoints(settings) as checkpoints:
        await graph(checkpoints).ainvoke({"n": 1}, at("t", "r1"), durability="sync")
    async with for_server() as checkpoints:
        state = await graph(checkpoints).aget_state(at("t", "r1"))
    assert state.values == {"n": 2}


async def test_one_url_moves_the_checkpoints(settings: Settings) -> None:
    async with open_checkpoints(settings):
        pass
    embedded = settings.ledger.startswith("sqlite")
    assert settings.checkpoints.exists() is embedded


async def test_a_run_that_is_rolled_back_leaves_the_others_alone(checkpoints: Checkpoints) -> None:
    for thread, run in (("t", "r1"), ("t", "r2"), ("u", "r3")):
        await graph(checkpoints).ainvoke({"n": 1}, at(thread, run), durability="sync")
    before = await steps(checkpoints, "t")
    await checkpoints.adelete_for_runs(["r2"])
    assert 0 < await steps(checkpoints, "t") < before
    assert await steps(checkpoints, "u") > 0
    await checkpoints.adelete_for_runs(["r1", "r9"])
    await checkpoints.adelete_for_runs([])
    assert await steps(checkpoints, "t") == 0
    assert await steps(checkpoints, "u") > 0


@pytest.mark.parametrize("word", ["delete_all", "delete"])
async def test_pruning_keeps_the_latest_step_of_a_thread(
    checkpoints: Checkpoints, word: str
) -> None:
    for thread in ("t", "u"):
        await graph(checkpoints).ainvoke({"n": 1}, at(thread, "r1"), durability="sync")
    whole = await steps(checkpoints, "u")
    await checkpoints.aprune(["t"])
    assert await steps(checkpoints, "t") == 1
    assert (await graph(checkpoints).aget_state(at("t", "r1"))).values == {"n": 2}
    await checkpoints.aprune(["t"], strategy=word)
    assert await steps(checkpoints, "t") == 0
    assert await steps(checkpoints, "u") == whole > 1


async def test_parallel_threads_keep_their_own_steps(checkpoints: Checkpoints) -> None:
    compiled = graph(checkpoints)
    await asyncio.gather(
        *(compiled.ainvoke({"n": n}, at(f"t{n}", "r1"), durability="sync") for n in range(12))
    )
    values = [(await compiled.aget_state(at(f"t{n}", "r1"))).values["n"] for n in range(12)]
    assert values == list(range(1, 13))


async def test_several_may_open_a_fresh_database_at_once(settings: Settings) -> None:
    async def use(thread: str) -> int:
        async with open_checkpoints(settings) as checkpoints:
            await graph(checkpoints).ainvoke({"n": 1}, at(thread, "r1"), durability="sync")
            return await steps(checkpoints, thread)

    counts = await asyncio.gather(*(use(f"t{n}") for n in range(4)))
    assert len(set(counts)) == 1


async def test_a_file_that_cannot_be_opened_is_told_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWITCHYARD_HOME", str(tmp_path))
    (tmp_path / "checkpoints.sqlite").write_text("this is no database, but a text of some length")
    with pytest.raises(OperatorError, match="SWITCHYARD_HOME"):
        async with open_checkpoints(load()):
            pass


async def test_a_database_that_does_not_answer_is_told_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SWITCHYARD_LEDGER_URL", "postgresql://u@127.0.0.1:1/d")
    with pytest.raises(OperatorError, match="SWITCHYARD_LEDGER_URL") as caught:
        async with open_checkpoints(load()):
            pass
    assert "127.0.0.1:1" in caught.value.message
