"""The usual way to run a plan on LangGraph: Send starts every task that is ready, then waits for
all.

Same workers, models, tools, width and durability as ours; only the order of the work differs.
"""

from __future__ import annotations

import operator
import time
from typing import Annotated, Any

from langchain_core.runnables import RunnableConfig
from langgraph.graph import END, START, StateGraph
from langgraph.types import Send

# Not typing's: LangGraph reads it at run time, as pydantic does.
from typing_extensions import TypedDict

from bench.bare import Bare
from bench.dags import Dag


class State(TypedDict):
    """The values of the steps that are done."""

    values: Annotated[dict[str, str], operator.or_]


class One(TypedDict):
    """What a step is sent: its number, and the values that it waits for."""

    number: int
    given: dict[str, str]


async def run_waves(
    bare: Bare,
    dag: Dag,
    width: int,
    checkpointer: Any,  # noqa: ANN401 - LangGraph's own bound is invariant
) -> tuple[float, dict[str, str]]:
    """Seconds, and the value of each step."""

    async def step(state: One) -> State:
        doing = dag.steps[state["number"]]
        return {"values": {doing.id: await bare.step(doing, state["given"])}}

    def gather(state: State) -> None:
        """The end of a wave: all that was sent has come back."""

    def send(state: State) -> list[Send] | str:
        done = state["values"]
        ready = [
            step
            for step in dag.steps
            if step.id not in done and all(dag.steps[one].id in done for one in step.parents)
        ]
        sent = [
            Send(
                "step",
                One(
                    number=step.number,
                    given={dag.steps[one].id: done[dag.steps[one].id] for one in step.parents},
                ),
            )
            for step in ready
        ]
        return sent or END

    builder = StateGraph(State)
    builder.add_node("gather", gather)
    builder.add_node("step", step, input_schema=One)
    builder.add_edge(START, "gather")
    builder.add_conditional_edges("gather", send, ["step", END])
    builder.add_edge("step", "gather")
    graph = builder.compile(checkpointer=checkpointer)
    config: RunnableConfig = {
        "configurable": {"thread_id": bare.run},
        "max_concurrency": width,
        "recursion_limit": 1000,
    }
    began = time.perf_counter()
    ended = await graph.ainvoke({"values": {}}, config, durability="sync")
    return time.perf_counter() - began, ended["values"]
