import asyncio
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client

from tests.servers.client import PATIENCE_S, REPO, Client
from tools.servers.crm.__main__ import PROGRAM as CRM
from tools.servers.documents.__main__ import PROGRAM as DOCUMENTS
from tools.servers.launch import Program, launch
from tools.servers.notify.__main__ import PROGRAM as NOTIFY
from tools.servers.packages.__main__ import PROGRAM as PACKAGES


@asynccontextmanager
async def http_server(server: str, environment: dict[str, str]) -> AsyncIterator[str]:
    """Address of a server in a process of its own; its standard output must stay empty."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", f"tools.servers.{server}", "--http", "--port", "0", cwd=REPO,
        env={**environment, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        async with asyncio.timeout(PATIENCE_S):
            line = (await process.stderr.readline()).decode()
        assert "listening on http://127.0.0.1:" in line
        yield line.split("listening on ")[1].strip()
    finally:
        process.terminate()
        async with asyncio.timeout(PATIENCE_S):
            output, _ = await process.communicate()
        assert output == b""


async def test_a_server_answers_over_streamable_http_and_only_to_loopback_names(
    tmp_path: Path,
) -> None:
    environment = {"SWITCHYARD_CRM_DB": str(tmp_path / "crm.sqlite")}
    async with http_server("crm", environment) as url:
        async with (
            asyncio.timeout(PATIENCE_S),
            streamable_http_client(url) as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            client = Client(session)
            customer = await client.call("get_customer", customer_id=42)
            assert customer["name"] == "Marta Lindqvist"
            assert "there is no such customer" in await client.refused(
                "get_customer", customer_id=9999
            )
        # A page in a browser must not reach the server under a name that it points here.
        async with httpx.AsyncClient(timeout=PATIENCE_S, trust_env=False) as browser:
            answer = await browser.post(
                url,
                headers={"host": "attacker.example.com", "accept": "application/json"},
                json={"jsonrpc": "2.0", "id": 1, "method": "ping"},
            )
        assert answer.status_code == 421


@pytest.mark.parametrize("program", [CRM, NOTIFY, DOCUMENTS, PACKAGES], ids=lambda p: p.name)
def test_help_names_every_environment_variable(
    program: Program, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        launch(program, ["--help"])
    assert stop.value.code == 0
    shown = capsys.readouterr().out
    assert f"python -m tools.servers.{program.name}" in shown
    for name, _ in program.environment:
        assert name in shown


def test_help_needs_no_server_library() -> None:
    code = (
        "import sys; sys.argv = ['x', '--help']\n"
        "import runpy\n"
        "try: runpy.run_module('tools.servers.packages', run_name='__main__')\n"
        "except SystemExit: pass\n"
        "assert 'mcp' not in sys.modules, 'help imported the MCP library'"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPO, capture_output=True, timeout=PATIENCE_S, check=False
    )
    assert done.returncode == 0, done.stderr.decode()


def test_wrong_use_ends_with_a_sentence_and_code_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert launch(CRM, ["--port", "8000"]) == 2
    assert "--port is only used with --http" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stop:
        launch(CRM, ["--http", "--port", "70000"])
    assert stop.value.code == 2
    assert "give a number from 0 to 65535" in capsys.readouterr().err
    monkeypatch.setenv("SWITCHYARD_DOCS_ROOTS", str(tmp_path / "missing"))
    assert launch(DOCUMENTS, []) == 2
    error = capsys.readouterr().err
    assert error.startswith("documents: SWITCHYARD_DOCS_ROOTS = ")
    assert "Traceback" not in error


def test_a_taken_port_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SWITCHYARD_DOCS_ROOTS", str(tmp_path))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert launch(DOCUMENTS, ["--http", "--port", str(port)]) == 2
    assert f"--port = {port}: " in capsys.readouterr().err
