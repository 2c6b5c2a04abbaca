"""A person's login at a tool server, from the command line: the page, and the way back."""

from __future__ import annotations

import asyncio
import webbrowser
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from urllib.parse import parse_qsl, urlsplit

import click

from runtime.canonical import Json
from runtime.errors import UserError
from runtime.settings import Settings
from tools.config import load_tools
from tools.credentials import CredentialMissing, Keyring
from tools.login import Visit, log_in
from tools.logins import FILE, Logins
from tools.resolve import Address, start_of
from tools.rest_auth_terms import OAuthUser, secrets_of

_PATH = "/callback"
_PAGE = b"""HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n
Switchyard has what it needs. You can close this page.\n"""
_LINE = 16_000


async def log_in_at(settings: Settings, name: str, *, by: str, minutes: float) -> Json:
    """Bring a person before a server's page, and keep their login.

    Raises:
        UserError: the entry asks for no login, or there was none.
        ConfigError: the configuration has a mistake.
    """
    config = load_tools(settings.config / "mcp.json")
    spec = config.servers.get(name)
    if spec is None or not isinstance(spec.auth, OAuthUser):
        wanting = [key for key, one in config.servers.items() if isinstance(one.auth, OAuthUser)]
        raise UserError(
            f"The tool server {name!r} asks nobody to log in.",
            remedy=f"With an auth of type oauth_user there are: {', '.join(wanting) or 'none'}.",
        )
    environment = settings.for_servers()
    start = start_of(config, name, environment)
    assert isinstance(start, Address), "the configuration was checked"
    keyring = partial(Keyring, environment=environment, folder=config.file.parent, mask=_nobody)
    logins = Logins(settings.home.resolve() / FILE)
    try:
        secrets = await keyring(wanted=secrets_of(spec.auth)).read()
        async with asyncio.timeout(60 * minutes), _way_back(spec.auth.port) as visit:
            login = await log_in(
                name,
                start,
                spec.auth,
                secrets=secrets,
                visit=visit,
                before=await logins.of(name),
                by=by,
            )
    except TimeoutError:
        raise UserError(
            f"Nobody came back from the page within {minutes:g} minutes.",
            remedy="Try again; --minutes gives more time.",
        ) from None
    except CredentialMissing as error:
        raise UserError(str(error), remedy="Set it, then try again.") from None
    await logins.keep(name, login)
    return {"server": name, "scope": login.scope, "renews": bool(login.refresh_token), "by": by}


def _nobody(_secrets: object) -> None:
    """Nothing is recorded here that secrets would have to be kept out of."""


async def _show(page: str) -> None:
    click.echo(f"Log in on this page:\n{page}", err=True)
    await asyncio.to_thread(webbrowser.open, page)


@asynccontextmanager
async def _way_back(port: int) -> AsyncIterator[Visit]:
    """Listens on loopback alone for the browser that comes back.

    Raises:
        UserError: another program has the port.
    """
    back: asyncio.Future[Mapping[str, str]] = asyncio.get_running_loop().create_future()

    async def came(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = (await reader.readline()).decode(errors="replace").split(" ")
        place = urlsplit(line[1]) if len(line) == 3 else urlsplit("")
        if place.path == _PATH and not back.done():
            back.set_result(dict(parse_qsl(place.query)))
            writer.write(_PAGE)
        writer.close()
        await writer.wait_closed()

    async def answer() -> Mapping[str, str]:
        return await back

    try:
        server = await asyncio.start_server(came, "127.0.0.1", port, limit=_LINE)
    except OSError as error:
        raise UserError(
            f"Port {port} of this machine cannot be listened on: {error.strerror}.",
            remedy="Give another 'port' in the auth of the entry.",
        ) from error
    async with server:
        yield Visit(redirect=f"http://127.0.0.1:{port}{_PATH}", show=_show, answer=answer)
