"""Tokens and money of a call: the worst case before it, the real cost after it.

Where the provider's count is missing or cannot be, the estimate stands in, and it errs upward.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from ledger.ceilings import Amount
from models.deployment import Deployment
from runtime.canonical import Json, canonical

# Lower-case letters as one kind of byte, the space as another, all others as a third.
_KINDS = bytes(97 if 97 <= one <= 122 else 32 if one == 32 else 46 for one in range(256))
_ASCII = bytes(range(128))
_PER_CALL = 64
"""Tokens that a provider adds around messages."""
_PER_TOOLSET = 600
"""Tokens of the instructions that vendors add once tools are offered."""
_BELIEVABLE = 2
"""A count of more than this many times what was set aside is not believed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one call. The cached ones are a part of the prompt."""

    prompt: int = 0
    completion: int = 0
    cache_read: int = 0
    cache_creation: int = 0
    reported: bool = True
    """False when it is our own estimate."""


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


def estimate_prompt(messages: Json, tools: Json) -> int:
    """At most so many tokens has a prompt with the tools that it offers. Of text alone: what an
    address in it leads to is not counted."""
    return _PER_CALL + estimate(messages) + (_PER_TOOLSET + estimate(tools) if tools else 0)


def cost(deployment: Deployment, usage: Usage) -> float:
    """US dollars, by the prices in the configuration file."""
    price = deployment.input_cost_per_token
    read = deployment.cache_read_input_token_cost
    written = deployment.cache_creation_input_token_cost
    plain = max(0, usage.prompt - usage.cache_read - usage.cache_creation)
    return (
        plain * price
        + usage.cache_read * (price if read is None else read)
        + usage.cache_creation * (price if written is None else written)
        + usage.completion * deployment.output_cost_per_token
    )


def worst(deployment: Deployment, prompt: int, completion: int) -> Amount:
    """The dearest way in which a call can end."""
    price = max(
        deployment.input_cost_per_token,
        deployment.cache_read_input_token_cost or 0.0,
        deployment.cache_creation_input_token_cost or 0.0,
    )
    return Amount(
        dollars=prompt * price + completion * deployment.output_cost_per_token,
        tokens=prompt + completion,
    )


def settled(reported: Usage | None, *, prompt: int, completion: int, said: Json) -> Usage:
    """The provider's count if it can be true, our upward estimate otherwise.

    The provider bills what it bills: a count somewhat above what was set aside is believed, and
    booked as such. One that is missing, negative, or more than twice as high is replaced.
    `prompt` is the estimate made before the call, `completion` the most that was allowed.
    """
    if reported is not None and _believable(reported, prompt, completion):
        return reported
    cut_off = isinstance(said, dict) and said.get("finish_reason") == "length"
    told = completion if cut_off else min(completion, estimate(said))
    return Usage(prompt=prompt, completion=told, reported=False)


def _believable(reported: Usage, prompt: int, completion: int) -> bool:
    most = prompt * _BELIEVABLE
    return (
        0 < reported.prompt <= most
        and 0 <= reported.completion <= completion * _BELIEVABLE
        and 0 <= reported.cache_read <= most
        and 0 <= reported.cache_creation <= most
    )
