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
from runtime.labels import Label
from tools.catalogue import ToolEntry
from tools.config import load_tools
from tools.gateway import Gateway, open_gateway
from tools.policy import parse_policy

SERVER = "scenario"

_RULES = '@id("bench/all") permit (principal, action, resource) when { context.declared };'
_SECRETS = {
    "client_id": "client_id",
    "client_secret": "client_secret",
    "private_key_pem": "private_key",
}
"""What the suite tells of a client, by its name there; with the key of `auth` for it."""

_SAMPLES: dict[str, Json] = {"boolean": True, "integer": 5, "number": 5, "object": {}, "array": []}


def entry(url: str) -> tuple[dict[str, Json], dict[str, str]]:
    """The server's entry in `mcp.json`, with what an operator would set in the environment."""
    terms = {"cleared_for": "internal", "timeout_seconds": 15, "start_seconds": 15}
    known: dict[str, str] = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT", "{}"))
    found: dict[str, Json] = {"type": "http", "url": url, "switchyard": terms}
    given = {name: known[name] for name in _SECRETS if name in known}
    if "client_id" in given:
        auth: dict[str, Json] = {"type": "oauth_client", "issuer": issuer(url)}
        auth |= {_SECRETS[name]: {"env": name.upper()} for name in given}
        if "signing_algorithm" in known:
            auth["algorithm"] = known["signing_algorithm"]
        found["auth"] = auth
    return found, {name.upper(): value for name, value in given.items()}


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


async def called(gateway: Gateway, context: RunContext) -> list[dict[str, Json]]:
    """Each tool of the server, called once: what came of it."""
    tools = [tool for tool in gateway.catalogue.values() if tool.server == SERVER]
    schemas = {tool.name: tool.schema for tool in tools}
    found = []
    for tool in tools:
        given = arguments(tool, schemas)
        reply = await gateway.call(context, tool.name, given, call=tool.remote, ask=agree)
        found.append({"tool": tool.name, "outcome": reply.outcome, "text": reply.text[:300]})
    return found


async def met(url: str, folder: Path) -> dict[str, Json]:
    """The server through the gateway; what the gateway says of it."""
    config = folder / "mcp.json"
    server, environment = entry(url)
    config.write_text(json.dumps({"mcpServers": {SERVER: server}}))
    async with open_ledger(f"sqlite+aiosqlite:///{folder / 'ledger.sqlite'}") as ledger:
        await ledger.runs.start(
            "bench", thread="", request="", tenant="", user="", label=Label.internal, docs=""
        )
        async with open_gateway(
            load_tools(config), parse_policy(_RULES), ledger, environment=environment
        ) as gateway:
            context = RunContext(
                run="bench", task="d1", specialist="bench", tools=frozenset(gateway.catalogue)
            )
            calls = await called(gateway, context)
            return {"calls": calls, "unavailable": dict(gateway.unavailable)}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        told = asyncio.run(met(sys.argv[-1], Path(folder)))
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
