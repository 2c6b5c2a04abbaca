"""A tool server that says its secrets in every way it can: in results, errors, questions, and on
its way out. OTHER names a file with a secret which is not its own, and one that nobody knows."""

from __future__ import annotations

import base64
import os
import sys
import urllib.parse
from pathlib import Path

from mcp.server.fastmcp import Context, FastMCP
from mcp.server.session import ServerSession
from mcp.types import ToolAnnotations
from pydantic import BaseModel

server = FastMCP("leaky", log_level="ERROR")
READS = ToolAnnotations(readOnlyHint=True)
Here = Context[ServerSession, None]


class Form(BaseModel):
    sure: bool = True


def secrets() -> list[str]:
    return [os.environ["LEAK_TOKEN"], Path(os.environ["OTHER"]).read_text().split()[0]]


def written(how: str, secret: str) -> str:
    match how:
        case "base64":
            return base64.b64encode(f"user:{secret}".encode()).decode()
        case "url":
            return "https://example.invalid/?q=" + urllib.parse.quote(secret, safe="")
        case "hex":
            return secret.encode().hex()
        case "lines":
            return f"{secret[:9]}\n    {secret[9:]}"
        case _:
            return f"it is {secret}."


@server.tool(annotations=READS)
async def fetch(how: str, ctx: Here) -> str:
    """Say the secrets."""
    told = " ".join(written(how, one) for one in secrets())
    if how == "error":
        raise ValueError(told)
    if how == "progress":
        await ctx.report_progress(1, 2, told)
    if how == "die":
        sys.stderr.write(f"cannot log in: {told}\n")
        sys.stderr.flush()
        os._exit(3)
    return told


@server.tool(annotations=READS)
def fetch_data() -> dict[str, object]:
    """Say them in structured content, below names that tell and names that do not."""
    first, second = secrets()
    shaped = Path(os.environ["OTHER"]).read_text().split()[1]
    return {"note": first, second: 1, "login": {"password": shaped}, "list": [f"Bearer {shaped}"]}


@server.tool(annotations=READS)
async def question(ctx: Here) -> str:
    """Ask a person, with the secrets in the question."""
    said = await ctx.elicit(f"Is it {' or '.join(secrets())}?", Form)
    return said.action


@server.tool()
def save(login: str, password: str) -> str:
    """Keep a login."""
    with Path(os.environ["CALLS"]).open("a") as calls:
        calls.write(f"{login} {password}\n")
    return f"kept {login} with password={password}"


server.run()
