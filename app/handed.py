"""Reads what a person hands over in a file, and says what is wrong with it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from runtime.canonical import Json
from runtime.errors import RequestError


def json_of(option: str, file: str | None) -> Json:
    """The JSON object in a file; `-` reads stdin, None gives None.

    Raises:
        RequestError: there is no such file, or it does not hold a JSON object.
    """
    if file is None:
        return None
    try:
        text = sys.stdin.read() if file == "-" else Path(file).expanduser().read_text("utf-8")
        found: Json = json.loads(text)
    except (OSError, ValueError) as error:
        raise _wrong(option, file, f"{file} cannot be read as JSON: {error}") from error
    if not isinstance(found, dict):
        raise _wrong(option, file, f"{file} holds no JSON object")
    return found


def _wrong(option: str, file: str, message: str) -> RequestError:
    return RequestError(
        message, field=f"--{option}", value=file, remedy="Name a file that holds one JSON object."
    )
