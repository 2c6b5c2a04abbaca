"""`switchyard mcp`: the tools of this installation, offered to MCP clients."""

# ruff: noqa: PLC0415 - `--help` is instant, because a command imports the rooms when it runs.

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path

import click

from app.cli_options import home_option

_PORT = 2025


@click.command(short_help="Offer the tools to MCP clients.")
@click.option("--http", is_flag=True, help="Streamable HTTP, path /mcp; otherwise stdio.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help=f"With --http; 0 takes a free one.  [default: {_PORT}]",
)
@click.option("--host", metavar="HOST", help="With --http.  [default: 127.0.0.1]")
@click.option("--docs", default="", metavar="PATH", help="Folder of documents that it may read.")
@home_option
def mcp(http: bool, port: int | None, host: str | None, docs: str, home: str) -> None:
    """Offer the tools of this installation to MCP clients, each call through the gateway.

    config/facade.yaml says which tools, and as whom clients act. Over HTTP a client needs one of
    the keys in SWITCHYARD_API_KEYS; without keys it is served on this machine alone. A call that a
    person has to decide on waits in `switchyard approvals`.
    """
    if not http and (port is not None or host is not None):
        raise click.UsageError("--port and --host are only used with --http.")
    from app.facade_open import Way, serve
    from app.places import settings_for

    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s %(message)s"
    )
    settings = settings_for(home, docs)
    way = Way(
        docs=Path(docs or settings.docs).expanduser().resolve(),
        home=home,
        host=host or "127.0.0.1",
        port=(_PORT if port is None else port) if http else None,
    )
    asyncio.run(serve(settings, way))
