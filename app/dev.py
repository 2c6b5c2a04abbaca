"""`switchyard dev`: the LangGraph dev server over this installation, in this process.

It is silent towards the outside: no analytics, no version check, no tracing unless it is set up.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import sys
import threading
import time
import urllib.error
import urllib.request

import click

from app.api_keys import keys_of
from runtime.errors import OperatorError
from runtime.settings import ROOT, Settings

_QUIET = {
    "LANGGRAPH_CLI_NO_ANALYTICS": "1",
    "LANGGRAPH_NO_VERSION_CHECK": "true",
    "LOG_LEVEL": "WARNING",
}
_TRACING = ("LANGSMITH_TRACING", "LANGSMITH_API_KEY", "LANGCHAIN_TRACING_V2", "LANGCHAIN_API_KEY")
_CHATTER = ("langgraph_api.cli", "langgraph_api.timing.timer", "py.warnings")
"""Loggers of the server that tell of itself: its banner, its start-up times."""
_HOST = "127.0.0.1"
_STUDIO = "https://smith.langchain.com/studio/?baseUrl="


def serve(settings: Settings, port: int, jobs: int, *, verbose: bool) -> None:
    """Serve until it is interrupted.

    Raises:
        OperatorError: the port is taken.
        ConfigError: a configuration file is wrong; told before anything is started.
    """
    _refuse_taken(port)
    _check(settings)
    _prepare(settings, verbose=verbose)
    threading.Thread(
        target=_tell_when_ready, args=(port, bool(settings.api_keys)), daemon=True
    ).start()
    from langgraph_cli.cli import cli  # noqa: PLC0415 - after its environment is set

    cli.main(
        [
            "dev",
            *("--config", str(ROOT / "langgraph.json")),
            *("--host", _HOST, "--port", str(port)),
            *("--n-jobs-per-worker", str(jobs)),
            "--no-browser",
            "--no-reload",
        ],
        standalone_mode=False,
    )


def _refuse_taken(port: int) -> None:
    """The server would take another port without a word that a script could read."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError as error:
            raise OperatorError(
                f"Port {port} of {_HOST} cannot be used: {error.strerror}.",
                remedy="End what uses it, or choose another with --port.",
            ) from error


def _check(settings: Settings) -> None:
    """Load every file once, so that a mistake is a message and not a traceback of the server."""
    from agents.limits import load_limits  # noqa: PLC0415 - so that --help stays quick
    from agents.registry import load_registry  # noqa: PLC0415
    from agents.routing.settings import load_routing  # noqa: PLC0415
    from models.config import load_models  # noqa: PLC0415
    from tools.config import load_tools  # noqa: PLC0415
    from tools.policy import load_policy  # noqa: PLC0415

    keys_of(settings.api_keys)
    load_registry(settings.specialists)
    load_models(settings.config / "models.yaml")
    load_tools(settings.config / "mcp.json")
    load_policy(settings.config / "policy")
    load_limits(settings.config / "limits.yaml")
    load_routing(settings.config / "routing.yaml")


def _prepare(settings: Settings, *, verbose: bool) -> None:
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    if verbose:
        os.environ["LOG_LEVEL"] = "INFO"
    else:
        for name in _CHATTER:
            logging.getLogger(name).setLevel(logging.ERROR)
    if not any(os.environ.get(name) for name in _TRACING):
        os.environ["LANGSMITH_TRACING"] = "false"
    os.environ.setdefault("LOG_COLOR", str(sys.stdout.isatty() and "NO_COLOR" not in os.environ))
    os.environ["SWITCHYARD_HOME"] = str(settings.home)


def _tell_when_ready(port: int, keys: bool) -> None:
    address, began = f"http://{_HOST}:{port}", time.monotonic()
    while not _answers(address):
        time.sleep(0.1)
    click.echo(_how_to_call(address, time.monotonic() - began, keys))


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/ok", timeout=2) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _how_to_call(address: str, seconds: float, keys: bool) -> str:
    body = json.dumps(
        {
            "assistant_id": "supervisor",
            "input": {"messages": [{"role": "user", "content": "What can you do?"}]},
        }
    )
    key = " -H 'x-api-key: YOUR_KEY'" if keys else ""
    return (
        f"\nSwitchyard is ready at {address} after {seconds:.1f} s. Call it, for example:\n\n"
        f"  curl -s {address}/runs/wait -H 'content-type: application/json'{key} \\\n"
        f"    -d '{body}'\n\n"
        f"  {address}/docs       the API: threads, runs, streaming\n"
        f"  {address}/mcp        the same over MCP; /a2a/ASSISTANT_ID over A2A\n"
        f"  {address}/ready      specialists and tools\n"
        f"  {address}/approvals  what waits for a person\n"
        f"  {address}/cancel/RUN ends a run (POST)\n"
        f"  Studio: {_STUDIO}{address}\n\n"
        "End it with Ctrl-C.\n"
    )
