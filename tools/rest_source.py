"""Where the document of an API comes from, and where its calls go.

A document from elsewhere must not decide who gets the credentials.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx

from tools.rest_document import BadDocument
from tools.rest_wire import origin, redirected, send

_LARGEST = 10_000_000
"""Bytes of a document."""
_HTTP = ("http://", "https://")


async def text_of(document: str, transport: httpx.AsyncHTTPTransport) -> str:
    """The document behind a path or an address. It is fetched without credentials.

    Raises:
        BadDocument: it cannot be read.
        CallLost: its address gave no answer.
        Elsewhere: its address leads to another host.
    """
    if not document.startswith(_HTTP):
        try:
            return await asyncio.to_thread(_read, Path(document))
        except (OSError, UnicodeDecodeError) as error:
            raise BadDocument(f"The document {document} cannot be read: {error}.") from error
    request: httpx.Request | None = httpx.Request("GET", document)
    for hops in range(10):
        assert request is not None, "it ends with the first answer that is no redirect"
        got = await send(transport, request, _LARGEST)
        request = redirected(request, got, hops)
        if request is None:
            break
    if got.status != 200 or len(got.body) > _LARGEST:
        raise BadDocument(
            f"{origin(httpx.URL(document))} answered with status {got.status} and"
            f" {len(got.body):,} bytes; save the document as a file and name that under 'openapi'."
        )
    return got.body.decode(errors="replace")


def base_of(document: str, base_url: str, address: str) -> str:
    """Where calls go: `base_url` of the entry, else the `address` that the document names.

    Raises:
        BadDocument: it names none, or another host than its own.
    """
    base = base_url
    if not base and document.startswith(_HTTP):
        base = str(httpx.URL(document).join(address or "/"))
        if origin(httpx.URL(base)) != origin(httpx.URL(document)):
            raise BadDocument(
                f"The document sends its calls to {origin(httpx.URL(base))}, another host than"
                " its own. If that is meant, name it under 'base_url'."
            )
    base = base or address
    if not base.startswith(_HTTP) or not httpx.URL(base).host:
        raise BadDocument("It is not known where the API is. Name it under 'base_url'.")
    return base


def _read(file: Path) -> str:
    with file.open(encoding="utf-8") as opened:
        return opened.read(_LARGEST)
