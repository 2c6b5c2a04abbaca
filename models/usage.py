"""Tokens and money of a call: the worst case before it, the real cost after it.

Where the provider's count is missing or cannot be, the estimate stands in, and it errs upward.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from models.deployment import Deployment
from runtime.canonical import Json, canonical

# English prose has about four bytes a token, dense JSON three; digits and hashes come near two.
_BYTES_PER_TOKEN = 2
_PER_CALL = 64
"""Tokens that a provider adds around messages."""
_PER_TOOLSET = 600
"""Tokens of the instructions that vendors add once tools are offered."""
_BELIEVABLE = 4
"""A count of more than this many times our own estimate is not believed."""


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
    """Tokens of a JSON value or text, rounded well upward."""
    text = value if isinstance(value, str) else canonical(value)
    return math.ceil(len(text.encode(errors="replace")) / _BYTES_PER_TOKEN)


def estimate_prompt(messages: Json, tools: Json) -> int:
    """Tokens of a prompt with the tools that it offers, rounded well upward."""
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


def worst(deployment: Deployment, prompt: int, completion: int) -> float:
    """US dollars of the dearest way in which a call can end."""
    price = max(
        deployment.input_cost_per_token,
        deployment.cache_read_input_token_cost or 0.0,
        deployment.cache_creation_input_token_cost or 0.0,
    )
    return prompt * price + completion * deployment.output_cost_per_token


def settled(reported: Usage | None, *, prompt: int, completion: int, said: Json) -> Usage:
    """The provider's count if it can be true, our upward estimate otherwise.

    `prompt` is the estimate made before the call, `completion` the most that was allowed.
    """
    if (
        reported
        and 0 < reported.prompt <= prompt * _BELIEVABLE
        and 0 <= reported.completion <= completion * _BELIEVABLE
    ):
        return reported
    return Usage(prompt=prompt, completion=min(completion, estimate(said)), reported=False)
