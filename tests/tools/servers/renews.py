"""A process of its own that renews a login when it is told to.

Usage: renews.py HOME URL. It says `ready`, waits for a line, and says what it then calls with.
"""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from pathlib import Path

import httpx

from tools.credentials import Keyring
from tools.logins import FILE, Logins
from tools.proof import NotAuthorised
from tools.rest_auth_terms import OAuthUser
from tools.rest_login import LoginProof


async def main(home: Path, url: str) -> None:
    keyring = partial(Keyring, environment={}, folder=home, mask=lambda _secrets: None)
    terms = OAuthUser(type="oauth_user")
    proof = LoginProof("far", url, terms, keyring, Logins(home / FILE))
    print("ready", flush=True)  # noqa: T201
    await asyncio.to_thread(sys.stdin.readline)
    try:
        sent = await proof.put_on(httpx.Request("POST", url), elsewhere)
    except NotAuthorised as error:
        print(error, flush=True)  # noqa: T201
        return
    print(sent.headers["Authorization"], flush=True)  # noqa: T201


async def elsewhere(_request: httpx.Request, _most: int) -> tuple[int, bytes]:
    raise AssertionError("a renewal ends with no call")


asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
