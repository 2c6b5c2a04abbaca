"""The tools of this installation, with their servers; `switchyard tools` lists them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from rich.console import Console
from rich.table import Table

from ledger.store import open_ledger
from runtime.canonical import Json
from runtime.settings import Settings
from tools.config import load_tools
from tools.gateway import Gateway, open_gateway
from tools.invisible import revealed
from tools.pins import FILE as PINS
from tools.policy import load_policy
from tools.search import search


@asynccontextmanager
async def open_tools(settings: Settings) -> AsyncIterator[Gateway]:
    """The gateway by itself, without models.

    Raises:
        ConfigError: mcp.json or a policy is wrong.
    """
    async with (
        open_ledger(settings.ledger) as ledger,
        open_gateway(
            load_tools(settings.config / "mcp.json"),
            load_policy(settings.config / "policy"),
            ledger,
            environment=settings.for_servers(),
            pins=settings.home.resolve() / PINS,
        ) as gateway,
    ):
        yield gateway


async def list_tools(settings: Settings, words: str = "") -> Json:
    """The catalogue and the servers that are not there, as data; with `words` what fits them."""
    async with open_tools(settings) as gateway:
        held = gateway.quarantined
        offered = [tool for tool in gateway.catalogue.values() if tool.name not in held]
        return {
            "tools": [
                {
                    "name": tool.name,
                    "server": tool.server,
                    "action": tool.action,
                    "label": tool.label.value,
                    "cleared_for": tool.cleared_for.value,
                    "untrusted": tool.untrusted,
                    "description": tool.description,
                    "schema": tool.schema,
                }
                for tool in (search(offered, words) if words else offered)
            ],
            "quarantined": dict(held),
            "unavailable": dict(gateway.unavailable),
        }


def show_tools(found: Json) -> None:
    """The catalogue as a table, then what is in quarantine or not there, with the reason."""
    console = Console()
    # A pipe has no width; 80 columns would break ids that somebody wants to grep for.
    console = console if console.is_terminal else Console(width=160)
    table = Table("tool", "server", "action", "label", "what it does", box=None, pad_edge=False)
    for tool in found["tools"]:
        about = tool["description"].strip().partition("\n")[0]
        table.add_row(tool["name"], tool["server"], tool["action"], tool["label"], about)
    console.print(table)
    for reason in found["quarantined"].values():
        console.print(revealed(reason), markup=False, style="yellow")
    for server, reason in found["unavailable"].items():
        console.print(f"not available: {server}: {reason}", markup=False, style="red")


def tool_counts(gateway: Gateway) -> dict[str, int]:
    """How many tools each server gives."""
    counts: dict[str, int] = {}
    for tool in gateway.catalogue.values():
        counts[tool.server] = counts.get(tool.server, 0) + 1
    return counts
