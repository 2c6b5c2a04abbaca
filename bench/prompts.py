"""Counts the tokens of a prompt as it came over the wire, with one tokenizer for all systems."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import tiktoken

from runtime.canonical import Json, canonical

NAME = "cl100k_base"


@cache
def _tokenizer() -> tiktoken.Encoding:
    # litellm brings the tokenizer's file along; without this it would be fetched.
    litellm = find_spec("litellm")
    assert litellm is not None, "litellm is a dependency"
    assert litellm.origin is not None, "litellm is a package with a file"
    bundled = Path(litellm.origin).parent / "litellm_core_utils" / "tokenizers"
    os.environ["TIKTOKEN_CACHE_DIR"] = str(bundled)
    return tiktoken.get_encoding(NAME)


def count(body: Json) -> int:
    """Tokens of a chat request: messages with their tool calls, the tools offered, and the form.

    Texts count as they are, tools and arguments as compact JSON, each message 4 tokens more.
    """
    return sum(len(_tokenizer().encode_ordinary(text)) for text in _texts(body)) + 4 * len(
        body.get("messages", ())
    )


def _texts(body: Json) -> Iterator[str]:
    for message in body.get("messages", ()):
        content = message.get("content")
        if isinstance(content, str):
            yield content
        for part in content if isinstance(content, list) else ():
            yield str(part.get("text", ""))
        for call in message.get("tool_calls") or ():
            yield call["function"]["name"]
            yield call["function"]["arguments"]
    for tool in body.get("tools") or ():
        yield canonical(tool["function"])
    if form := body.get("response_format"):
        yield canonical(form)
