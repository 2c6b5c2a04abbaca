"""Does the fixed job of `bench/job.py` on a peer, in the peers' own environment.

Arguments: `deepagents` or `supervisor`, the provider's address, a file for the checkpoints. Each
line of standard input is a JSON object with a thread; the answer is one line.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from importlib.metadata import version
from typing import Any

from deepagents import create_deep_agent
from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_core.tools import BaseTool, tool
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph_supervisor import create_supervisor

from bench.job import READ_HELP, SYSTEM, WHOLE, source

MAIN = (
    "You lead a purchasing round. Give every task to a worker, independent ones at the same time,"
    " and hand over the results that a later task needs. Close with a short summary."
)


@tool(description=READ_HELP)
async def read_source(topic: str) -> str:
    """The source on a topic."""
    return source(topic)


TOOLS: list[BaseTool] = [read_source]


def on_deepagents(model: BaseChatModel, saver: AsyncSqliteSaver) -> Any:  # noqa: ANN401 - theirs
    """A main agent whose `task` tool starts workers."""
    return create_deep_agent(
        model=model,
        tools=[],
        system_prompt=MAIN,
        subagents=[
            {
                "name": "worker",
                "description": "Does one review or one comparison.",
                "system_prompt": SYSTEM,
                "tools": TOOLS,
            }
        ],
        checkpointer=saver,
    )


def on_supervisor(model: BaseChatModel, saver: AsyncSqliteSaver) -> Any:  # noqa: ANN401 - theirs
    """A supervisor that hands over to a worker and gets its last message back."""
    worker: Any = create_agent(model, TOOLS, system_prompt=SYSTEM, name="worker")
    builder = create_supervisor([worker], model=model, prompt=MAIN)
    return builder.compile(checkpointer=saver)


async def main() -> None:
    """Answer until the input ends."""
    system, provider, file = sys.argv[1:4]
    build = {"deepagents": on_deepagents, "supervisor": on_supervisor}[system]
    model = ChatOpenAI(model="scripted", base_url=provider, api_key="none", max_retries=0)
    async with AsyncSqliteSaver.from_conn_string(file) as saver:
        await saver.setup()
        # As ours: it survives the kill of a process.
        await saver.conn.execute("PRAGMA synchronous=NORMAL")
        graph = build(model, saver)
        names = ("deepagents", "langgraph-supervisor", "langgraph", "langchain-openai")
        say({name: version(name) for name in names})
        while line := await asyncio.to_thread(sys.stdin.readline):
            asked = json.loads(line)
            config = {"configurable": {"thread_id": asked["thread"]}, "recursion_limit": 1000}
            given = {"messages": [{"role": "user", "content": WHOLE}]}
            began = time.perf_counter()
            state = await graph.ainvoke(given, config, durability="sync")
            seconds = time.perf_counter() - began
            say({"seconds": seconds, "answer": state["messages"][-1].text})


def say(value: object) -> None:
    """One line of JSON."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())
