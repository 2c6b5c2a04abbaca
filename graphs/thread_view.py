"""Shows the workers below a node to whoever reads the state of a thread: Studio, and the API.

Their loops are started while the node runs, so LangGraph cannot find them by itself; it finds a
graph that a node's function names, and asks that one for the state at the node's place.
"""

from __future__ import annotations

from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.pregel import Pregel
from langgraph.types import PregelTask, StateSnapshot

_CHECKPOINTER = "__pregel_checkpointer"
_BELOW = "|"


class Workers(Pregel[Any, Any, Any, Any]):
    """Stands for all workers of a node; it is never run."""

    async def aget_state(self, config: RunnableConfig, *, subgraphs: bool = False) -> StateSnapshot:  # noqa: ARG002 - the library's signature
        """The messages of the worker at the node's place, and as tasks those of the workers one
        level below, each under the name of its plan task."""
        place: dict[str, Any] = config["configurable"]
        at: str = place["checkpoint_ns"]
        latest = await _latest(place[_CHECKPOINTER], place["thread_id"], at)
        own = latest.pop(at, None)
        tasks = [
            PregelTask(id=id, name=name, path=(name,), state=_snapshot(one))
            for space, one in sorted(latest.items())
            for name, _, id in (space.removeprefix(at + _BELOW).partition(":"),)
        ]
        return _snapshot(own, config=config, tasks=tuple(tasks))


async def _latest(
    saver: BaseCheckpointSaver[Any], thread: str, at: str
) -> dict[str, CheckpointTuple]:
    """The newest step at a place and at each place one level below it."""
    found: dict[str, CheckpointTuple] = {}
    async for one in saver.alist({"configurable": {"thread_id": thread}}):
        space = str(one.config["configurable"].get("checkpoint_ns", ""))
        below = space.removeprefix(at + _BELOW)
        if space == at or (below != space and _BELOW not in below):
            found.setdefault(space, one)
    return found


def _snapshot(
    one: CheckpointTuple | None,
    *,
    config: RunnableConfig | None = None,
    tasks: tuple[PregelTask, ...] = (),
) -> StateSnapshot:
    values = one.checkpoint["channel_values"] if one else {}
    return StateSnapshot(
        values={"messages": values["messages"]} if "messages" in values else {},
        next=(),
        config=one.config if one else config or {},
        metadata=one.metadata if one else None,
        created_at=one.checkpoint["ts"] if one else None,
        parent_config=one.parent_config if one else None,
        tasks=tasks,
        interrupts=(),
    )


def _workers() -> Workers:
    builder = StateGraph(MessagesState)
    builder.add_node("worker", lambda state: state)
    builder.add_edge(START, "worker")
    plain = builder.compile()
    return Workers(
        nodes=dict(plain.nodes.items()),
        channels=plain.channels,
        input_channels=plain.input_channels,
        output_channels=plain.output_channels,
    )


WORKERS = _workers()
"""Named by the nodes that run workers."""
