"""`switchyard tools login`: a person at a browser, and what is kept of it."""

from __future__ import annotations

import json
import socket
import threading
import webbrowser
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result

from app.cli import main
from runtime.canonical import Json
from tests.tools.servers.login import Login, logging_in
from tests.tools.test_login import led_to
from tools.logins import FILE


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Login]:
    (tmp_path / "valid").write_text("nobody-has-this")
    with logging_in(tmp_path / "valid") as served:
        yield served


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def run(folder: Path, *args: str) -> Result:
    return CliRunner().invoke(main, ["tools", "login", *args, "--home", str(folder)])


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, port: int) -> Path:
    """Where the configuration is read from; `write` puts the entry there."""
    monkeypatch.setenv("SWITCHYARD_CONFIG", str(tmp_path))
    return tmp_path


def write(folder: Path, url: str, **auth: Json) -> None:
    far = {"url": url, "auth": {"type": "oauth_user", **auth}}
    near = {"command": "sh"}
    (folder / "mcp.json").write_text(json.dumps({"mcpServers": {"far": far, "near": near}}))


def visit(page: str) -> bool:
    """A browser: it goes where it is sent."""
    threading.Thread(target=httpx.get, args=(page,), kwargs={"follow_redirects": True}).start()
    return True


def test_a_person_logs_in_and_the_login_is_kept_for_its_owner_alone(
    configured: Path, server: Login, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webbrowser, "open", visit)
    with led_to(server) as url:
        write(configured, url, port=port)
        done = run(configured, "far", "--by", "ann")
    assert done.exit_code == 0, done.output
    assert "Logged in at far as ann; it is renewed by itself." in done.output
    file = configured / FILE
    assert file.stat().st_mode & 0o777 == 0o600
    kept = json.loads(file.read_text())["servers"]["far"]
    assert (kept["url"], kept["by"]) == (url, "ann")
    assert kept["access_token"] not in done.output
    (asked,) = [one for one in server.asked if "redirect_uri" in one and "state" in one]
    assert asked["redirect_uri"] == f"http://127.0.0.1:{port}/callback"


def test_a_person_who_refuses_is_told_so_without_a_traceback(
    configured: Path,
    server: Login,
    port: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(webbrowser, "open", visit)
    server.says = {"error": "access_denied"}
    with led_to(server) as url:
        write(configured, url, port=port)
        done = run(configured, "far")
    assert done.exit_code == 2
    assert "There was no login at 'far': the login was refused (access_denied)" in done.output
    assert "Traceback" not in done.output + caplog.text


def strangers(port: int, statuses: list[int]) -> None:
    """Everything that may come to the port, and is no answer to the login that was begun."""
    at = f"http://127.0.0.1:{port}"
    forged = [
        "",
        "?code=x",
        "?code=x&state=forged",
        "?state=",
        "?error=access_denied",
        "?state=%ff",
    ]
    for query in forged:
        statuses.append(httpx.get(f"{at}/callback{query}").status_code)
    statuses.append(httpx.get(f"{at}/favicon.ico").status_code)
    statuses.append(httpx.post(f"{at}/callback").status_code)
    for said in (b"", b"\x00\xff\r\n\r\n", b"GET //[ HTTP/1.1\r\n\r\n", b"x" * 200_000):
        with socket.create_connection(("127.0.0.1", port)) as stranger, suppress(OSError):
            stranger.sendall(said)
            stranger.shutdown(socket.SHUT_WR)
            stranger.recv(1000)


def test_requests_of_strangers_are_answered_and_the_right_one_is_waited_for(
    configured: Path,
    server: Login,
    port: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    statuses: list[int] = []
    with ExitStack() as stack:

        def open_page(page: str) -> bool:
            strangers(port, statuses)
            # One who came and says nothing must not hold up the end.
            stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            return visit(page)

        monkeypatch.setattr(webbrowser, "open", open_page)
        url = stack.enter_context(led_to(server))
        write(configured, url, port=port)
        done = run(configured, "far", "--by", "ann", "--minutes", "0.5")
    assert done.exit_code == 0, done.output
    assert statuses == [400] * 6 + [404] * 2
    assert json.loads((configured / FILE).read_text())["servers"]["far"]["by"] == "ann"
    assert server.seen.count("POST /token") == 1
    assert "Traceback" not in done.output + caplog.text


def test_a_forged_answer_alone_logs_nobody_in(
    configured: Path,
    server: Login,
    port: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    statuses: list[int] = []
    with ExitStack() as stack:

        def open_page(_page: str) -> bool:
            stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            strangers(port, statuses)
            return True

        monkeypatch.setattr(webbrowser, "open", open_page)
        url = stack.enter_context(led_to(server))
        write(configured, url, port=port)
        done = run(configured, "far", "--minutes", "0.06")
    assert "Nobody came back from the page within 0.06 minutes." in done.output
    assert (done.exit_code, statuses[:1]) == (2, [400])
    assert "Traceback" not in done.output + caplog.text
    assert "POST /token" not in server.seen
    assert not (configured / FILE).exists()


def test_nobody_who_comes_back_is_waited_for_no_longer_than_asked(
    configured: Path, server: Login, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webbrowser, "open", lambda _page: True)
    with led_to(server) as url:
        write(configured, url, port=port)
        done = run(configured, "far", "--minutes", "0.03")
    assert done.exit_code == 2
    assert "Nobody came back from the page within 0.03 minutes." in done.output
    assert not (configured / FILE).exists()


def test_a_port_that_is_taken_is_told(configured: Path, port: int) -> None:
    write(configured, "http://127.0.0.1:9/mcp", port=port)
    with socket.create_server(("127.0.0.1", port)):
        done = run(configured, "far")
    assert done.exit_code == 2
    assert f"Port {port} of this machine cannot be listened on" in done.output


def test_a_server_that_asks_nobody_to_log_in_is_told_with_those_that_do(configured: Path) -> None:
    write(configured, "http://127.0.0.1:9/mcp")
    done = run(configured, "near")
    assert done.exit_code == 2
    assert "The tool server 'near' asks nobody to log in." in done.output
    assert "oauth_user there are: far." in done.output
