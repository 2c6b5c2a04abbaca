"""The notation of a rate limit: a number of calls in a time, as the library `limits` reads it."""

from __future__ import annotations

from typing import Annotated

from limits import parse
from pydantic import AfterValidator
from pydantic_core import PydanticCustomError


def _is_rate(text: str) -> str:
    try:
        fits = parse(text).amount > 0
    except ValueError:
        fits = False
    if not fits:
        raise PydanticCustomError(
            "rate", "Input should be a number of calls and a time, such as 10/minute or 5/2 hours"
        )
    return text


Rate = Annotated[str, AfterValidator(_is_rate)]
"""Such as `10/minute`."""
