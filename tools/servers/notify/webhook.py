"""Posts one JSON document to an allowed address, and nowhere else."""

import asyncio
from collections.abc import Collection
from contextlib import suppress
from urllib.parse import SplitResult, urlsplit

import httpx

from tools.servers.errors import BadArgument
from tools.servers.notify.outcome import Outcome

TIMEOUT_S = 15.0
_SHOWN = 500


def check_url(url: str, allowed: Collection[str]) -> str:
    """`url` itself, if it is http or https and its host is allowed.

    Raises:
        BadArgument: another scheme, no host, a password in it, or a host that is not allowed.
    """
    parts = _parts(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadArgument("url", url, "it is not a web address", "Start with https:// and a host")
    if parts.username is not None or parts.password is not None:
        raise BadArgument("url", url, "it carries a user name", "Leave user and password out")
    if any(ord(letter) <= 32 or ord(letter) == 127 for letter in url):
        raise BadArgument("url", url, "it contains blanks or control characters", "Remove them")
    host = parts.hostname.lower()
    port = parts.port or (443 if parts.scheme == "https" else 80)
    if host not in allowed and f"{host}:{port}" not in allowed:
        listed = ", ".join(sorted(allowed))
        remedy = f"Allowed: {listed}; the operator adds hosts in SWITCHYARD_WEBHOOK_HOSTS"
        raise BadArgument("url", url, f"the host {host} is not allowed", remedy)
    return url


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise BadArgument("url", url, str(error), "Give a complete web address") from error
    return parts


async def post(url: str, document: bytes, key: str) -> Outcome:
    """Post `document` with `key` as Idempotency-Key; follows no redirect and uses no proxy."""
    headers = {"content-type": "application/json", "idempotency-key": key}
    try:
        async with (
            asyncio.timeout(TIMEOUT_S),
            httpx.AsyncClient(trust_env=False, timeout=TIMEOUT_S) as client,
            client.stream("POST", url, content=document, headers=headers) as response,
        ):
            return await _judge(response)
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.InvalidURL) as error:
        return Outcome(state="failed", detail=f"not reachable: {error or type(error).__name__}")
    except (httpx.HTTPError, TimeoutError) as error:
        detail = f"no answer: {error or type(error).__name__}"
        return Outcome(state="unknown", detail=detail)


async def _judge(response: httpx.Response) -> Outcome:
    code = response.status_code
    if 300 <= code < 400:
        target = response.headers.get("location", "another address")
        return Outcome(state="failed", detail=f"HTTP {code}: redirects to {target}; not followed")
    text = ""
    # The status is the answer; a body that does not arrive cannot change it.
    with suppress(httpx.HTTPError, TimeoutError):
        async with asyncio.timeout(TIMEOUT_S / 3):
            async for piece in response.aiter_text(_SHOWN):
                text = piece[:_SHOWN]
                break
    return Outcome(state="sent" if code < 300 else "failed", detail=f"HTTP {code} {text}".strip())
