"""`:embedContent` and `:batchEmbedContents`: the vectors of the other wire, spelt otherwise.
The model stands in the path and in every request of a batch, and the two must agree."""

from __future__ import annotations

from pydantic import Field, JsonValue, ValidationError

from tests.provider.embeddings import embed
from tests.provider.exchange import JsonObject
from tests.provider.gemini_request import Content, Part, both
from tests.provider.wire import BadRequestError, complaint


class EmbedRequest(Part):
    model: str = ""
    content: Content
    size: int | None = Field(None, ge=1, le=4096, validation_alias=both("output_dimensionality"))
    task_type: str | None = Field(None, validation_alias=both("task_type"))


class BatchRequest(Part):
    requests: list[EmbedRequest] = Field(min_length=1, max_length=100)


def respond(model: str, body: JsonObject, *, batch: bool, seed: int, dimensions: int) -> JsonObject:
    """The body of the answer. Raises: BadRequestError."""
    try:
        asked = (
            BatchRequest.model_validate(body).requests
            if batch
            else [EmbedRequest.model_validate(body)]
        )
    except ValidationError as error:
        raise complaint(error) from error
    for place, one in enumerate(asked):
        if batch and one.model != f"models/{model}":
            raise BadRequestError(
                f"* BatchEmbedContentsRequest.requests[{place}].model: must match the parent model"
            )
        if not one.content.text:
            raise BadRequestError(f"* requests[{place}].content: empty Part")
    found: list[JsonValue] = [
        {"values": list(embed(one.content.text, seed, one.size or dimensions))} for one in asked
    ]
    return {"embeddings": found} if batch else {"embedding": found[0]}
