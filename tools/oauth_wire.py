"""What is said to a token endpoint and what it says, whatever the grant."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from urllib.parse import quote, urlencode

import httpx

from runtime.canonical import Json

MOST = 64_000
"""Bytes of an answer."""


def asking(url: str, form: Mapping[str, str], client: str = "", secret: str = "") -> httpx.Request:
    """A request for a token. With a secret, the client is named in the header (RFC 6749, 2.3.1)."""
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    if secret:
        pair = f"{quote(client, safe='')}:{quote(secret, safe='')}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    return httpx.Request("POST", url, headers=headers, content=urlencode(form))


def answered(body: bytes) -> dict[str, Json]:
    """An answer as an object; empty where it is none."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def token_in(told: Mapping[str, Json]) -> str:
    """The access token of an answer; empty where there is none that fits into a header."""
    token = told.get("access_token")
    return token if isinstance(token, str) and token.isprintable() else ""
