"""Tokens and money of a call: the worst case before it, the real cost after it.

Where the provider's count is missing or cannot be, the worst case stands in.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from ledger.ceilings import Amount
from models.deployment import Deployment
from models.prices import Prices
from runtime.canonical import Json, canonical

# Lower-case letters as one kind of byte, the space as another, all others as a third.
_KINDS = bytes(97 if 97 <= one <= 122 else 32 if one == 32 else 46 for one in range(256))
_ASCII = bytes(range(128))
_PER_CALL = 64
"""Tokens that a provider adds around messages."""
_PER_TOOLSET = 600
"""Tokens of the instructions that vendors add once tools are offered."""
_PER_MEDIUM = 10_000
"""Tokens that vendors take at most for an image, whatever its bytes; more than one by its address
tells."""
_BELIEVABLE = 2
"""A count of more than this many times what was set aside is not believed."""
_LEAST = 200
"""Nor one of less than this part of it. The longest token of a real vocabulary has 128 bytes of
anything that people write, and every byte is set aside at most as one token."""
_SPOKEN = ("content", "tool_calls")
_TEXT = frozenset({"text", "thinking", "redacted_thinking"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one call. The cached ones are a part of the prompt."""

    prompt: int = 0
    completion: int = 0
    cache_read: int = 0
    cache_creation: int = 0
    reported: bool = True
    """False when nobody counted, and the worst case stands in."""


def estimate(value: Json) -> int:
    """At most so many tokens has a JSON value or text, whatever tokenizer counts them.

    No tokenizer makes more than one token of a byte. Of a run of lower-case letters it makes at
    most two of three letters: every pair of letters is in its vocabulary, so two single letters
    never stay side by side. A space before such a run belongs to it. `tests/models/test_usage.py`
    holds this against real tokenizers.
    """
    text = value if isinstance(value, str) else canonical(value)
    found = text.encode(errors="replace")
    # Some tokenizers bring text into a normal form first, which may be longer.
    grown = _growth(found) if len(found) > len(text) else 0
    kinds = b"." + found.translate(_KINDS)
    letters, spaces = kinds.count(b"a"), kinds.count(b" a")
    runs = spaces + kinds.count(b".a")
    # ceil(2 / 3 of a run) is at most (2 * letters + 2) / 3.
    bound = len(found) - letters - spaces - (-2 * (letters + runs) // 3)
    return min(len(found), bound) + grown


def _growth(text: bytes) -> int:
    """Bytes by which characters grow in their normal form; plain ASCII never does."""
    rare = text.translate(None, _ASCII)
    return max(0, len(unicodedata.normalize("NFKC", rare.decode()).encode()) - len(rare))


def estimate_prompt(messages: Json, tools: Json, form: Json = None) -> int:
    """At most so many tokens has a prompt with the tools that it offers.

    Args:
        form: What else of the request a vendor may put before its model, such as the schema of
            the answer. Some make a tool of it.
    """
    added = [part for part in (tools, form) if part]
    return (
        _PER_CALL
        + estimate(messages)
        + sum(_PER_TOOLSET + estimate(part) for part in added)
        + _PER_MEDIUM * _media(messages)
    )


def _media(messages: Json) -> int:
    """How many parts of the messages are no text: images, sound, files."""
    contents = [one.get("content") for one in messages if isinstance(one, dict)]
    parts = [part for content in contents if isinstance(content, list) for part in content]
    return sum(isinstance(part, dict) and part.get("type") not in _TEXT for part in parts)


def cost(deployment: Deployment, usage: Usage) -> float:
    """US dollars of one call, by the prices in the configuration file."""
    return cost_at(deployment.prices(usage.prompt), usage)


def cost_at(prices: Prices, usage: Usage) -> float:
    """US dollars of one call, or of several that have the same prices."""
    plain = max(0, usage.prompt - usage.cache_read - usage.cache_creation)
    return (
        plain * prices.prompt
        + usage.cache_read * prices.cache_read
        + usage.cache_creation * prices.cache_creation
        + usage.completion * prices.answer
    )


def worst(deployment: Deployment, prompt: int, completion: int) -> Amount:
    """The dearest way in which a call can end: of the prices for prompts up to this length, none
    is dearer than what is set aside."""
    found = [prices for least, prices in deployment.ladder if least <= prompt]
    price = max(prices.dearest for prices in found)
    answer = max(prices.answer for prices in found)
    return Amount(dollars=prompt * price + completion * answer, tokens=prompt + completion)


def settled(reported: Usage | None, *, prompt: int, completion: int, said: Json) -> Usage:
    """The provider's count if it can be true, all that was set aside otherwise.

    The provider bills what it bills: a count somewhat above what was set aside is believed, and
    booked as such. One that is missing, more than twice as high, or less than the text that went
    to and fro can have, is replaced: what a model thinks before it speaks nobody sees.
    `prompt` is the estimate made before the call, `completion` the most that was allowed.
    """
    if reported is not None and _believable(reported, prompt, completion, said):
        return reported
    return Usage(prompt=prompt, completion=completion, reported=False)


def _believable(reported: Usage, prompt: int, completion: int, said: Json) -> bool:
    cached = reported.cache_read, reported.cache_creation
    return (
        max(1, prompt // _LEAST) <= reported.prompt <= prompt * _BELIEVABLE
        and _least(said) <= reported.completion <= completion * _BELIEVABLE
        and min(cached) >= 0
        and sum(cached) <= reported.prompt
    )


def _least(said: Json) -> int:
    """At least so many tokens has an answer, as the ledger keeps it."""
    told = [said[part] for part in _SPOKEN if said.get(part)] if isinstance(said, dict) else []
    return max(1, estimate(told) // _LEAST) if told else 0
