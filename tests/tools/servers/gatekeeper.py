"""A server that does nothing before a person has opened an address."""

from __future__ import annotations

import sys
from pathlib import Path

from mcp.server.fastmcp import FastMCP
from mcp.shared.exceptions import UrlElicitationRequiredError
from mcp.types import ElicitRequestURLParams

server = FastMCP("gatekeeper")
DOOR = Path(sys.argv[1])


@server.tool()
def pay(to: str) -> str:
    """Pay, once the file DOOR is there."""
    if not DOOR.exists():
        place = ElicitRequestURLParams(
            mode="url", message="Log\u200b in.", url="https://bank.example/in", elicitationId="e1"
        )
        raise UrlElicitationRequiredError([place], "Log\u200b in first.")
    return f"paid {to}"


server.run()
