"""What a provider can get wrong, as values that a test or a brain hands to the server.
Each fault is its own type, so that the places that act on them are checked for completeness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpError:
    """An error status with a body in the vendor's own shape. `kind` and `code` are the vendor's
    words; without `kind` the usual one for the status is used."""

    status: int
    message: str = "scripted error"
    kind: str | None = None
    code: str | None = None
    param: str | None = None
    """The field of the request that is to blame; only OpenAI says it."""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hang:
    """Not one byte, until the client leaves or the server closes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """The connection is reset (RST) after the fraction `at` of the body; at 0 before the status."""

    at: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stall:
    """Silence after the fraction `at` of the body, until the client leaves."""

    at: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorFrame:
    """An error event in the place of the rest of the stream. Without streaming: an error body
    under status 200, as some gateways do."""

    at: float = 0.5
    message: str = "the model stopped working in the middle of the answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoFinish:
    """The answer ends in an orderly way, but without finish reason; a stream also without
    its end marker and what the end would have carried."""

    named: bool = True
    """The field of it is there, empty. Only OpenAI's wire can be without."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenJson:
    """A body (or, in a stream, one event) that is cut off in the middle of its JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Html:
    """A page of a proxy in the place of the answer."""

    status: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class EmptyChoices:
    """No choice at all; on the Anthropic wire no content block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmptyContent:
    """A well-formed answer that says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """The model will not answer: in a field of its own on OpenAI's wire, by the stop reason on
    Anthropic's."""

    text: str = "I cannot help with that."


@dataclass(frozen=True, slots=True, kw_only=True)
class TruncatedToolJson:
    """Tool arguments that are cut off in the middle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateToolIds:
    """At least two tool calls under one id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownTool:
    """A call of a tool that was never offered."""

    name: str = "tool_that_nobody_offered"


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingUsage:
    """No token counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AbsurdUsage:
    """Token counts that cannot be. Negative ones are allowed."""

    tokens: int = 10**12


@dataclass(frozen=True, slots=True, kw_only=True)
class HugeBody:
    """An answer of so many megabytes of text."""

    megabytes: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatedChunks:
    """The same piece of text over and over; in a stream one event each."""

    count: int = 150
    text: str = "again "


Fault: TypeAlias = (
    HttpError
    | Hang
    | Reset
    | Stall
    | ErrorFrame
    | NoFinish
    | BrokenJson
    | Html
    | EmptyChoices
    | EmptyContent
    | Refusal
    | TruncatedToolJson
    | DuplicateToolIds
    | UnknownTool
    | MissingUsage
    | AbsurdUsage
    | HugeBody
    | RepeatedChunks
)


def rate_limited(*, retry_after: int = 1) -> HttpError:
    """429 with a `Retry-After` header in seconds."""
    message = f"Rate limit reached. Please try again in {retry_after}s."
    headers = (("retry-after", str(retry_after)),)
    return HttpError(status=429, message=message, code="rate_limit_exceeded", headers=headers)


def server_error() -> HttpError:
    return HttpError(status=500, message="The server had an error while processing your request.")


def unauthorized() -> HttpError:
    return HttpError(status=401, message="Incorrect API key provided.", code="invalid_api_key")


def model_not_found(model: str = "scripted") -> HttpError:
    message = f"The model '{model}' does not exist or you do not have access to it."
    return HttpError(status=404, message=message, code="model_not_found")


def context_length_exceeded(*, limit: int = 8192, asked: int = 9000) -> HttpError:
    """400 with a message that carries the phrases of both vendors, by which clients tell it."""
    message = (
        f"This model's maximum context length is {limit} tokens. However, your messages resulted "
        f"in {asked} tokens: prompt is too long: {asked} tokens > {limit} maximum."
    )
    return HttpError(status=400, message=message, code="context_length_exceeded")
