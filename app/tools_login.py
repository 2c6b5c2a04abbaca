"""A person's login at a tool server, from the command line."""

from __future__ import annotations

import asyncio
from functools import partial

from app.tools_way_back import way_back
from runtime.canonical import Json
from runtime.errors import UserError
from runtime.settings import Settings
from tools.config import load_tools
from tools.credentials import CredentialMissing, Keyring
from tools.kept import StillTaken
from tools.login import log_in
from tools.logins import FILE, Logins
from tools.resolve import Address, start_of
from tools.rest_auth_terms import OAuthUser, secrets_of


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
        async with asyncio.timeout(60 * minutes), way_back(spec.auth.port) as visit:
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
    try:
        await logins.keep(name, login)
    except StillTaken:
        raise UserError(
            f"Another process has been renewing the login at {name!r} for too long.",
            remedy="Log in again; if that does not help, stop the other process first.",
        ) from None
    return {"server": name, "scope": login.scope, "renews": bool(login.refresh_token), "by": by}


def _nobody(_secrets: object) -> None:
    """Nothing is recorded here that secrets would have to be kept out of."""
