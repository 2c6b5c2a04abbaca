"""The command line that every bundled server shares: stdio by default, HTTP on request.

The server itself is imported after the arguments are read, so `--help` and mistakes answer at once.
"""

import argparse
import importlib
import logging
import os
import socket
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

from tools.servers.errors import BadSetup

if TYPE_CHECKING:
    from tools.servers.server import ToolServer

HOST = "127.0.0.1"
"""The servers hold private data and know no users: they listen on loopback only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What the command line says about one server."""

    name: str
    """Package below tools.servers; its module `server` must have `build() -> ToolServer`."""
    summary: str
    environment: tuple[tuple[str, str], ...]
    """Environment variables that the server reads, each with its meaning and default."""


class _ServerModule(Protocol):
    def build(self) -> "ToolServer": ...


def launch(program: Program, arguments: list[str] | None = None) -> int:
    """Serve until the client leaves; returns the exit code (0 served, 2 wrong use or setup)."""
    options = _parser(program).parse_args(arguments)
    if options.port is not None and not options.http:
        return _stop(program, "--port is only used with --http. Add --http or leave --port out.")
    level = logging.INFO if options.verbose else logging.WARNING
    logging.basicConfig(stream=sys.stderr, level=level, format="%(levelname)s %(name)s %(message)s")
    try:
        module = cast(
            _ServerModule, importlib.import_module(f"tools.servers.{program.name}.server")
        )
        server = module.build()
        if options.http:
            _serve_http(program, server, 8000 if options.port is None else options.port)
        else:
            server.run("stdio")
    except BadSetup as mistake:
        return _stop(program, str(mistake))
    except KeyboardInterrupt:
        return 130
    return 0


def _parser(program: Program) -> argparse.ArgumentParser:
    width = max(len(name) for name, _ in program.environment)
    lines = "\n".join(f"  {name:<{width}}  {text}" for name, text in program.environment)
    parser = argparse.ArgumentParser(
        prog=f"python -m tools.servers.{program.name}",
        description=f"{program.summary} Speaks MCP over standard input and output.",
        epilog=f"environment:\n{lines}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--http", action="store_true", help=f"streamable HTTP on {HOST}, path /mcp")
    parser.add_argument("--port", type=_port, help="port for --http (default 8000, 0 = a free one)")
    parser.add_argument("--verbose", action="store_true", help="log every request to stderr")
    return parser


def _port(text: str) -> int:
    if text.isdecimal() and int(text) <= 65535:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a port; give a number from 0 to 65535")


def _stop(program: Program, message: str) -> int:
    sys.stderr.write(f"{program.name}: {message}\n")
    return 2


def _serve_http(program: Program, server: "ToolServer", port: int) -> None:
    # Late, because the stdio way never needs it.
    import uvicorn  # noqa: PLC0415

    with _listen(port) as listener:
        number = listener.getsockname()[1]
        sys.stderr.write(f"{program.name}: listening on http://{HOST}:{number}/mcp\n")
        sys.stderr.flush()
        # log_config=None keeps uvicorn's records on our stderr handler; its own go to stdout.
        config = uvicorn.Config(server.streamable_http_app(), host=HOST, log_config=None)
        uvicorn.Server(config).run(sockets=[listener])


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if os.name == "posix":
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        # Before it is announced: who connects now waits for the server, and is not turned away.
        listener.listen()
    except OSError as error:
        listener.close()
        reason = error.strerror or "it cannot be bound"
        raise BadSetup(
            "--port", port, reason, "Choose another port, or 0 for a free one"
        ) from error
    return listener
