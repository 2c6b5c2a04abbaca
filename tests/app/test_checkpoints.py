"""Checkpoints on disk, and the clean-ups that the server asks for."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypedDict

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.graph import END, START, StateGraph

from app.checkpoints import Checkpoints, open_checkpoints
from runtime.errors import OperatorError


class Count(TypedDict):
    n: int


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


async def test_steps_outlive_the_process_that_made_them(tmp_path: Path) -> None:
    file = tmp_path / "new" / "checkpoints.sqlite"
    async with open_checkpoints(file) as checkpoints:
        await graph(checkpoints).ainvoke({"n": 1}, at("t", "r1"), durability="sync")
    async with open_checkpoints(file) as checkpoints:
        state = await graph(checkpoints).aget_state(at("t", "r1"))
    assert state.values == {"n": 2}


async def test_a_run_that_is_rolled_back_leaves_the_others_alone(tmp_path: Path) -> None:
    async with open_checkpoints(tmp_path / "c.sqlite") as checkpoints:
        for thread, run in (("t", "r1"), ("t", "r2"), ("u", "r3")):
            await graph(checkpoints).ainvoke({"n": 1}, at(thread, run), durability="sync")
        before = await steps(checkpoints, "t")
        await checkpoints.adelete_for_runs(["r2"])
        assert 0 < await steps(checkpoints, "t") < before
        assert await steps(checkpoints, "u") > 0
        await checkpoints.adelete_for_runs(["r1"])
        assert await steps(checkpoints, "t") == 0


async def test_pruning_keeps_the_latest_step_of_a_thread(tmp_path: Path) -> None:
    async with open_checkpoints(tmp_path / "c.sqlite") as checkpoints:
        await graph(checkpoints).ainvoke({"n": 1}, at("t", "r1"), durability="sync")
        await checkpoints.aprune(["t"])
        assert await steps(checkpoints, "t") == 1
        assert (await graph(checkpoints).aget_state(at("t", "r1"))).values == {"n": 2}
        await checkpoints.aprune(["t"], strategy="delete_all")
        assert await steps(checkpoints, "t") == 0


async def test_a_file_that_cannot_be_opened_is_told_with_its_remedy(tmp_path: Path) -> None:
    (tmp_path / "broken.sqlite").write_text("this is no database, but a text of some length")
    with pytest.raises(OperatorError, match="SWITCHYARD_HOME"):
        async with open_checkpoints(tmp_path / "broken.sqlite"):
            pass
