"""Sessions on `create_agent` with ChatOpenAI, for `bench/sessions.py`, in the peers' environment.

The argument is the provider's address.
"""

from __future__ import annotations

import asyncio
import sys
from importlib.metadata import version
from typing import Any

from langchain.agents import create_agent
from langchain_core.messages import HumanMessage
from langchain_openai import ChatOpenAI

from bench.model_prompts import MAX_TOKENS
from bench.session_load import SYSTEM, answer, look_up, question


async def main() -> None:
    """Answer until the input ends."""
    chat = ChatOpenAI(
        model="scripted",
        base_url=sys.argv[1],
        api_key="none",
        max_retries=0,
        max_tokens=MAX_TOKENS,
        timeout=120,
    )
    agent: Any = create_agent(chat, [look_up], system_prompt=SYSTEM)

    async def session(number: int) -> str:
        state = await agent.ainvoke({"messages": [HumanMessage(question(number))]})
        return str(state["messages"][-1].text)

    names = ("langchain-openai", "openai", "langchain")
    await answer(session, versions={name: version(name) for name in names})


if __name__ == "__main__":
    asyncio.run(main())
