"""Calls models by litellm and by its Router as they come, for `bench/models.py`.

In a process of its own: what we set for ours must not be set for these. The argument is the
provider's address.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import warnings
from importlib.metadata import version

# It would fetch three files from the network when it is imported.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
os.environ["LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS"] = "True"
os.environ["LITELLM_LOCAL_BLOG_POSTS"] = "True"

import litellm
from langchain_litellm import ChatLiteLLMRouter
from litellm.router import Router

from bench.model_prompts import MAX_TOKENS, PRICE, TOOLS, Kind, answer, messages, plain


async def main() -> None:
    """Answer until the input ends."""
    warnings.simplefilter("ignore")
    for name in ("LiteLLM", "LiteLLM Router"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    prices = {"input_cost_per_token": PRICE, "output_cost_per_token": 2 * PRICE}
    there = {"model": "openai/scripted", "api_base": sys.argv[1], "api_key": "none"}
    entry = {"model_name": "work", "litellm_params": there, "model_info": {"id": "work", **prices}}
    router = Router(model_list=[entry], num_retries=0)
    # Tools bring the MCP client of litellm with them, which needs another release of mcp.
    own = {"_skip_mcp_handler": True}
    chat = ChatLiteLLMRouter(router=router, model="work", max_tokens=MAX_TOKENS, model_kwargs=own)

    def given(kind: Kind) -> dict[str, object]:
        streamed = {"stream": True, "stream_options": {"include_usage": True}}
        return {
            **own,
            "max_tokens": MAX_TOKENS,
            **({"tools": TOOLS} if kind == "tools" else {}),
            **(streamed if kind == "stream" else {}),
        }

    async def whole(answered: object, kind: Kind) -> object:
        return [one async for one in answered] if kind == "stream" else answered  # type: ignore[attr-defined]

    async def by_router(kind: Kind, number: int) -> object:
        asked = plain(kind, number)
        found = await router.acompletion(model="work", messages=asked, **given(kind))  # type: ignore[call-overload]
        return await whole(found, kind)

    async def by_acompletion(kind: Kind, number: int) -> object:
        asked = plain(kind, number)
        found = await litellm.acompletion(**there, **prices, messages=asked, **given(kind))
        return await whole(found, kind)

    async def by_chat(kind: Kind, number: int) -> object:
        asked = messages(kind, number)
        if kind == "stream":
            return [chunk async for chunk in chat.astream(asked)]
        return await (chat.bind(tools=TOOLS) if kind == "tools" else chat).ainvoke(asked)

    ways = {"router": by_router, "acompletion": by_acompletion, "chat_router": by_chat}
    await answer(ways, versions={"litellm": version("litellm")})


if __name__ == "__main__":
    asyncio.run(main())
