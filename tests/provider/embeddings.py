"""`POST /v1/embeddings`: vectors that follow from the words alone, with no model behind them.
Texts that share words come out close to each other, so that similarity can be tested."""

from __future__ import annotations

import base64
import functools
import math
import random
import re
import struct
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from tests.provider.answer import tokens
from tests.provider.exchange import JsonObject
from tests.provider.wire import complaint

WORD = re.compile(r"\w+")


class EmbeddingsRequest(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    model: str
    input: str | list[str] = Field(min_length=1)
    dimensions: int | None = Field(default=None, ge=1, le=4096)
    encoding_format: Literal["float", "base64"] | None = None

    @property
    def texts(self) -> list[str]:
        return [self.input] if isinstance(self.input, str) else self.input


def read(body: JsonObject) -> EmbeddingsRequest:
    """Raises: BadRequestError."""
    try:
        return EmbeddingsRequest.model_validate(body)
    except ValidationError as error:
        raise complaint(error) from error


def respond(request: EmbeddingsRequest, *, seed: int, dimensions: int) -> JsonObject:
    """The body of the answer; `dimensions` counts where the request names none."""
    size = request.dimensions or dimensions
    rows: list[JsonValue] = [
        {"object": "embedding", "index": i, "embedding": _encoded(request, embed(text, seed, size))}
        for i, text in enumerate(request.texts)
    ]
    count = sum(tokens(text) for text in request.texts)
    return {
        "object": "list",
        "model": request.model,
        "data": rows,
        "usage": {"prompt_tokens": count, "total_tokens": count},
    }


def embed(text: str, seed: int, size: int) -> tuple[float, ...]:
    """A vector of length one: the sum of the vectors of the words."""
    words = WORD.findall(text.lower()) or [""]
    total = [
        math.fsum(parts) for parts in zip(*(_word(word, seed, size) for word in words), strict=True)
    ]
    length = math.sqrt(math.fsum(value * value for value in total)) or 1.0
    return tuple(value / length for value in total)


@functools.lru_cache(maxsize=4096)
def _word(word: str, seed: int, size: int) -> tuple[float, ...]:
    rng = random.Random(f"{seed}:{word}")
    return tuple(rng.gauss(0.0, 1.0) for _ in range(size))


def _encoded(request: EmbeddingsRequest, vector: tuple[float, ...]) -> JsonValue:
    if request.encoding_format == "base64":
        return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
    return list(vector)
