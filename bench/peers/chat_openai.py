"""Calls models by ChatOpenAI, for `bench/models.py`, in the peers' own environment.

The argument is the provider's address.
"""

from __future__ import annotations

import asyncio
import sys
from importlib.metadata import version

from langchain_openai import ChatOpenAI

from bench.model_prompts import MAX_TOKENS, TOOLS, Kind, answer, messages


async def main() -> None:
    """Answer until the input ends."""
    chat = ChatOpenAI(
        model="scripted",
        base_url=sys.argv[1],
        api_key="none",
        max_retries=0,
        max_tokens=MAX_TOKENS,
        stream_usage=True,
    )

    async def by_chat(kind: Kind, number: int) -> object:
        asked = messages(kind, number)
        if kind == "stream":
            return [chunk async for chunk in chat.astream(asked)]
        return await (chat.bind(tools=TOOLS) if kind == "tools" else chat).ainvoke(asked)

    names = ("langchain-openai", "openai")
    await answer({"chat_openai": by_chat}, versions={name: version(name) for name in names})


if __name__ == "__main__":
    asyncio.run(main())
