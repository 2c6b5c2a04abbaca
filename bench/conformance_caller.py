"""The client that the conformance suite starts: one server, met through the gateway alone.

The suite gives the address as the last argument, and what else an operator would know in
`MCP_CONFORMANCE_CONTEXT`. Every tool that the server lists is called once.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from pathlib import Path

import httpx

from ledger.approvals import Answer, Approval
from ledger.store import open_ledger
from runtime.canonical import Json
from runtime.context import RunContext
from runtime.errors import UserError
from runtime.labels import Label
from tools.catalogue import ToolEntry
from tools.config import ToolsConfig, load_tools
from tools.gateway import Gateway, open_gateway
from tools.login import Visit, log_in
from tools.logins import FILE, Logins
from tools.policy import parse_policy
from tools.resolve import Address, start_of
from tools.rest_auth_terms import OAuthUser, secrets_of

SERVER = "scenario"
REDIRECT = "http://127.0.0.1:8976/callback"
METADATA = "https://conformance-test.local/client-metadata.json"
"""The address of a description of us, which the suite knows."""

_RULES = '@id("bench/all") permit (principal, action, resource) when { context.declared };'
_SECRETS = {
    "client_id": "client_id",
    "client_secret": "client_secret",
    "private_key_pem": "private_key",
}
"""What the suite tells of a client, by its name there; with the key of `auth` for it."""

_SAMPLES: dict[str, Json] = {"boolean": True, "integer": 5, "number": 5, "object": {}, "array": []}


def entry(url: str, scenario: str) -> tuple[dict[str, Json], dict[str, str]]:
    """The server's entry in `mcp.json`, with what an operator would set in the environment."""
    terms = {"cleared_for": "internal", "timeout_seconds": 15, "start_seconds": 15}
    found: dict[str, Json] = {"type": "http", "url": url, "switchyard": terms}
    if not scenario.startswith("auth/"):
        return found, {}
    known: dict[str, str] = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT", "{}"))
    given = {name: known[name] for name in _SECRETS if name in known}
    auth: dict[str, Json] = {_SECRETS[name]: {"env": name.upper()} for name in given}
    if "client_id" in given:
        auth["issuer"] = issuer(url)
    if "client-credentials" in scenario:
        auth |= {"type": "oauth_client"}
        if "signing_algorithm" in known:
            auth["algorithm"] = known["signing_algorithm"]
    else:
        auth |= {"type": "oauth_user", "metadata_url": METADATA}
    return found | {"auth": auth}, {name.upper(): value for name, value in given.items()}


def issuer(url: str) -> str:
    """The authorization server. An operator knows it; the suite tells it in the metadata alone."""
    place = httpx.URL(url)
    metadata = place.copy_with(path=f"/.well-known/oauth-protected-resource{place.path}")
    told: str = httpx.get(metadata, timeout=5).json()["authorization_servers"][0]
    return told


def arguments(tool: ToolEntry, schemas: dict[str, Json]) -> dict[str, Json]:
    """Values for what a tool asks for; for an argument `schema`, that of another tool."""
    fields: dict[str, Json] = tool.schema.get("properties", {})
    found = {name: _SAMPLES.get(one.get("type", ""), "x") for name, one in fields.items()}
    others = [schema for name, schema in schemas.items() if name != tool.name]
    return found | ({"schema": others[0]} if "schema" in fields and others else {})


async def agree(_question: Approval) -> Answer:
    """Stands for a person who takes the values that a server proposes."""
    return "approved"


async def called(gateway: Gateway, context: RunContext, turn: str) -> list[dict[str, Json]]:
    """Each tool of the server, called once: what came of it."""
    tools = [tool for tool in gateway.catalogue.values() if tool.server == SERVER]
    schemas = {tool.name: tool.schema for tool in tools}
    found = []
    for tool in tools:
        given = arguments(tool, schemas)
        call = f"{turn} {tool.remote}"
        reply = await gateway.call(context, tool.name, given, call=call, ask=agree)
        found.append({"tool": tool.name, "outcome": reply.outcome, "text": reply.text[:300]})
    return found


async def logged_in(config: ToolsConfig, environment: dict[str, str], logins: Logins) -> str:
    """What an operator does with `switchyard tools login`; why that failed, if it did."""
    start = start_of(config, SERVER, environment)
    auth = config.servers[SERVER].auth
    if not isinstance(auth, OAuthUser) or not isinstance(start, Address):
        return ""
    browser = Browser()
    visit = Visit(redirect=REDIRECT, show=browser.show, answer=browser.answer)
    wanted = secrets_of(auth)
    secrets = {name: environment[str(one.env)] for name, one in wanted.items()}
    before = await logins.of(SERVER)
    try:
        login = await log_in(
            SERVER, start, auth, secrets=secrets, visit=visit, before=before, by="bench"
        )
    except UserError as error:
        return str(error)
    await logins.keep(SERVER, login)
    return ""


class Browser:
    """A person who agrees to everything: the page sends them back at once."""

    def __init__(self) -> None:
        self._back = httpx.URL()

    async def show(self, page: str) -> None:
        async with httpx.AsyncClient() as client:
            self._back = httpx.URL((await client.get(page)).headers["location"])

    async def answer(self) -> dict[str, str]:
        return dict(self._back.params)


async def met(url: str, scenario: str, folder: Path) -> dict[str, Json]:
    """The server through the gateway; what the gateway says of it."""
    server, environment = entry(url, scenario)
    file = folder / "mcp.json"
    file.write_text(json.dumps({"mcpServers": {SERVER: server}}))
    config, logins = load_tools(file), Logins(folder / FILE)
    failed = await logged_in(config, environment, logins)
    async with open_ledger(f"sqlite+aiosqlite:///{folder / 'ledger.sqlite'}") as ledger:
        await ledger.runs.start(
            "bench", thread="", request="", tenant="", user="", label=Label.internal, docs=""
        )
        async with open_gateway(
            config, parse_policy(_RULES), ledger, environment=environment, pins=folder / "pins.json"
        ) as gateway:
            context = RunContext(
                run="bench", task="d1", specialist="bench", tools=frozenset(gateway.catalogue)
            )
            calls = await called(gateway, context, "first")
            said = json.dumps([calls, *gateway.unavailable.values()])
            if f"switchyard tools login {SERVER}" in said:
                # The login does not do, or does no more, and the gateway said so.
                failed = await logged_in(config, environment, logins)
                calls += await called(gateway, context, "again")
            told = dict(gateway.unavailable)
    return {"calls": calls, "unavailable": told, "login": failed}


def main() -> None:
    scenario = os.environ.get("MCP_CONFORMANCE_SCENARIO", "")
    with tempfile.TemporaryDirectory() as folder:
        told = asyncio.run(met(sys.argv[-1], scenario, Path(folder)))
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
