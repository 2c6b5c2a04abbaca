"""Runs random plans on deepagents, in the peers' own environment: parallel `task` calls in waves.

Each line of standard input is a JSON object with plan, thread and width; the answer is one line.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from importlib.metadata import version
from typing import Any

from deepagents import create_deep_agent
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver


@tool
async def look_up(job: str, step: str) -> str:
    """What is known about a step."""
    return f"Nothing stands against step {step} of {job}."


def agent(provider: str, checkpointer: AsyncSqliteSaver) -> Any:  # noqa: ANN401 - their generic
    """A main agent with two kinds of workers, on the scripted provider."""
    model = ChatOpenAI(model="scripted", base_url=provider, api_key="none", max_retries=0)
    worker = {"description": "Does one step.", "system_prompt": "You do one step of a plan."}
    return create_deep_agent(
        model=model,
        tools=[],
        system_prompt="You carry out plans, every step by a worker.",
        subagents=[
            {"name": "worker", **worker, "tools": []},
            {"name": "reader", **worker, "tools": [look_up]},
        ],
        checkpointer=checkpointer,
    )


async def main() -> None:
    """Answer until the input ends."""
    provider, file = sys.argv[1:3]
    async with AsyncSqliteSaver.from_conn_string(file) as saver:
        await saver.setup()
        # As ours: it survives the kill of a process.
        await saver.conn.execute("PRAGMA synchronous=NORMAL")
        graph = agent(provider, saver)
        say({"deepagents": version("deepagents"), "langgraph": version("langgraph")})
        while line := await asyncio.to_thread(sys.stdin.readline):
            asked = json.loads(line)
            given = {
                "messages": [{"role": "user", "content": f"Do all steps of plan {asked['plan']}."}]
            }
            config = {
                "configurable": {"thread_id": asked["thread"]},
                "max_concurrency": asked["width"],
                "recursion_limit": 1000,
            }
            began = time.perf_counter()
            state = await graph.ainvoke(given, config, durability="sync")
            seconds = time.perf_counter() - began
            results = [one.text for one in state["messages"] if one.type == "tool"]
            say({"seconds": seconds, "values": {text.partition("-")[0]: text for text in results}})


def say(value: object) -> None:
    """One line of JSON."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())
