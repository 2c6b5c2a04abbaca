"""What a server says when it refuses a call with a protocol error, as a model reads it."""

from __future__ import annotations

from mcp.shared.exceptions import UrlElicitationRequiredError
from mcp.types import URL_ELICITATION_REQUIRED, ErrorData
from pydantic import ValidationError

from tools.invisible import cleaned

_MOST = 5
"""Addresses that are told."""


def words_of(error: ErrorData) -> str:
    """Its message without invisible characters; and where a person has to go first, if it says so.

    Nothing opens the address by itself.
    """
    told = cleaned(error.message)[0]
    places = _places(error)
    if not places:
        return told
    return f"{told} A person has to open this first, then call again: {'; '.join(places)}"


def _places(error: ErrorData) -> list[str]:
    if error.code != URL_ELICITATION_REQUIRED:
        return []
    try:
        wanted = UrlElicitationRequiredError.from_error(error).elicitations
    except (ValidationError, TypeError, AttributeError):
        # Its data may be anything.
        return []
    return [cleaned(f"{one.url} ({one.message})")[0] for one in wanted[:_MOST]]
