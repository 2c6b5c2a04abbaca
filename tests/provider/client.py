"""The real litellm, pointed at a scripted provider: the way all model traffic of tests goes.
One place for the settings that keep it from calling out, and for the one it needs beside mcp 1."""

from __future__ import annotations

import copy
import os
from collections.abc import Sequence
from typing import Any, Literal

from tests.provider.exchange import JsonObject, Wire
from tests.provider.server import ScriptedProvider

# Read by litellm when it is imported: without them it fetches three files from the network.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
os.environ["LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS"] = "True"
os.environ["LITELLM_LOCAL_BLOG_POSTS"] = "True"

import litellm
from litellm import exceptions as exceptions
from litellm.llms.custom_httpx.async_client_cleanup import close_litellm_async_clients

litellm.suppress_debug_info = True

WARNINGS = (
    "ignore:Item .* is using the `ReadOnly` qualifier:UserWarning",
    "ignore:Accessing the 'model_.*' attribute on the instance is deprecated:DeprecationWarning",
)
"""What litellm cannot help to set off with the locked pydantic; for `filterwarnings`."""

WIRES: Sequence[Wire] = ("openai", "anthropic", "gemini")


def address(provider: ScriptedProvider, wire: Wire) -> dict[str, str]:
    """The arguments by which litellm finds the provider in the given wire format."""
    if wire == "openai":
        return {"model": "openai/scripted", "api_base": provider.openai_base, "api_key": "test"}
    if wire == "gemini":
        base = provider.gemini_base
        return {"model": "gemini/gemini-3.8-flash", "api_base": base, "api_key": "test"}
    base = provider.anthropic_base
    return {"model": "anthropic/claude-scripted", "api_base": base, "api_key": "test"}


async def ask(
    provider: ScriptedProvider,
    wire: Wire,
    messages: str | Sequence[JsonObject],
    **options: Any,  # noqa: ANN401 - whatever litellm takes
) -> Any:  # noqa: ANN401 - litellm's classes differ by option
    """`litellm.acompletion` without retries and with a time limit of five seconds."""
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    settings: dict[str, Any] = {
        "timeout": 5,
        "num_retries": 0,
        "max_retries": 0,
        # With tools litellm imports its own MCP gateway, which needs mcp 2.
        "_skip_mcp_handler": True,
        **address(provider, wire),
        # For one vendor litellm rewrites the schemas of tools where they stand.
        **copy.deepcopy(options),
    }
    return await litellm.acompletion(messages=list(messages), **settings)


async def ask_streaming(
    provider: ScriptedProvider,
    wire: Wire,
    messages: str | Sequence[JsonObject],
    **options: Any,  # noqa: ANN401 - whatever litellm takes
) -> list[Any]:
    """The chunks of a streamed answer, usage included."""
    options = {"stream": True, "stream_options": {"include_usage": True}, **options}
    return [chunk async for chunk in await ask(provider, wire, messages, **options)]


def joined(chunks: Sequence[Any]) -> Any:  # noqa: ANN401 - litellm's classes differ by option
    """The whole answer, as litellm puts it together from the chunks."""
    return litellm.stream_chunk_builder(list(chunks))


async def embed(
    provider: ScriptedProvider,
    texts: Sequence[str],
    **options: Any,  # noqa: ANN401 - whatever litellm takes
) -> list[list[float]]:
    """The vectors of the texts, by `litellm.aembedding`."""
    settings: dict[str, Any] = {"timeout": 5, "max_retries": 0, **address(provider, "openai")}
    # litellm refuses `dimensions` for any other family of models.
    settings |= {"model": "openai/text-embedding-3-small", **options}
    answer = await litellm.aembedding(input=list(texts), **settings)
    return [row["embedding"] for row in answer.data]


async def close_clients() -> None:
    """Close what litellm keeps open between calls. In the event loop that made the calls."""
    await close_litellm_async_clients()  # type: ignore[no-untyped-call]


Way = Literal["whole", "stream"]
WAYS: Sequence[Way] = ("whole", "stream")


async def ask_either_way(
    provider: ScriptedProvider,
    wire: Wire,
    way: Way,
    messages: str | Sequence[JsonObject],
    **options: Any,  # noqa: ANN401 - whatever litellm takes
) -> Any:  # noqa: ANN401 - litellm's classes differ by option
    """The whole answer, received at once or as a stream."""
    if way == "whole":
        return await ask(provider, wire, messages, **options)
    return joined(await ask_streaming(provider, wire, messages, **options))
