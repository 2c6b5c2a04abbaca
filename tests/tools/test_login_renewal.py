"""What renews a login is good for once: two at a time, and one who leaves, must not lose it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import httpx
import pytest

import tools.logins
from runtime.settings import ROOT
from tests.tools.conftest import House
from tests.tools.servers.login import Login as Server
from tests.tools.servers.login import logging_in
from tests.tools.test_login import entry, led_to, past, person_logs_in
from tools.credentials import Keyring
from tools.kept import turn
from tools.logins import FILE, Login, Logins
from tools.proof import NotAuthorised
from tools.rest_auth_terms import OAuthUser
from tools.rest_login import LoginProof

RENEWS = Path(__file__).parent / "servers" / "renews.py"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "valid").write_text("nobody-has-this")
    with logging_in(tmp_path / "valid") as served:
        yield served


async def ended(folder: Path, server: Server) -> Login:
    """A login whose access token has ended, with something to renew it."""
    login = Login(
        url=f"{server.url}/mcp",
        token_endpoint=f"{server.url}/token",
        client={"client_id": "c", "client_secret": "secret-of-c"},
        access_token="token-that-has-ended",
        refresh_token="renewal-0",
        until=1.0,
        since=0,
        by="ann",
    )
    server.secrets["c"] = "secret-of-c"
    server.renewals.add("renewal-0")
    await Logins(folder / FILE).keep("far", login)
    return login


def proof_of(folder: Path, login: Login) -> LoginProof:
    keyring = partial(Keyring, environment={}, folder=folder, mask=lambda _secrets: None)
    terms = OAuthUser(type="oauth_user")
    return LoginProof("far", login.url, terms, keyring, Logins(folder / FILE))


async def elsewhere(_request: httpx.Request, _most: int) -> tuple[int, bytes]:
    pytest.fail("what a renewal takes must not end with the call")


async def proven(proof: LoginProof) -> str:
    request = httpx.Request("POST", "http://127.0.0.1:9/")
    return (await proof.put_on(request, elsewhere)).headers["Authorization"]


async def asked(server: Server, seconds: float = 5) -> bool:
    """Whether somebody asks for a renewal within so many seconds."""
    return await asyncio.to_thread(server.renewing.acquire, timeout=seconds)


async def kept(folder: Path) -> Login:
    login = await Logins(folder / FILE).of("far")
    assert login is not None
    return login


async def test_two_processes_that_renew_at_once_share_the_one_renewal(
    tmp_path: Path, server: Server
) -> None:
    login = await ended(tmp_path, server)
    server.answers.clear()
    with ExitStack() as stack:
        both = [stack.enter_context(_process(tmp_path, login.url)) for _ in range(2)]
        for one in both:
            assert await asyncio.to_thread(one.stdout.readline) == "ready\n"  # type: ignore[union-attr]
        for one in both:
            one.stdin.write("go\n")  # type: ignore[union-attr]
            one.stdin.flush()  # type: ignore[union-attr]
        assert await asked(server)
        # The second one has all the time that it would take to spoil it.
        assert not await asked(server, 1.5)
        server.answers.set()
        said = [await asyncio.to_thread(one.communicate, timeout=10) for one in both]
    token = (await kept(tmp_path)).access_token
    assert [out for out, _ in said] == [f"Bearer {token}\n"] * 2
    assert server.valid.read_text() == token
    assert server.renewals == {(await kept(tmp_path)).refresh_token}


async def test_a_caller_who_leaves_in_mid_renewal_does_not_lose_it(
    tmp_path: Path, server: Server
) -> None:
    proof = proof_of(tmp_path, await ended(tmp_path, server))
    server.answers.clear()
    leaves = asyncio.create_task(proven(proof))
    assert await asked(server)
    leaves.cancel()
    await asyncio.wait([leaves])
    assert leaves.cancelled()
    stays = asyncio.create_task(proven(proof))
    server.answers.set()
    token = await stays
    assert token == f"Bearer {server.valid.read_text()}"
    assert server.renewals == {(await kept(tmp_path)).refresh_token}
    assert len(server.asked) == 1


async def test_a_session_that_ends_in_mid_renewal_does_not_lose_it(
    house: House, server: Server
) -> None:
    with led_to(server) as url:
        await past(house, await person_logs_in(house, url))
        server.answers.clear()
        far = entry(url)
        far["switchyard"] |= {"start_seconds": 0.5}
        async with house.gate(pins=house.folder / "pins.json", far=far) as door:
            # Its start took too long, and whoever renewed was cut off.
            assert "did not answer within 0.5 s" in door.gateway.unavailable["far"]
            # It is answered while the gateway closes.
            asyncio.get_running_loop().call_later(0.3, server.answers.set)
        assert server.renewals == {(await kept(house.folder)).refresh_token}
        assert server.valid.read_text() == (await kept(house.folder)).access_token


async def test_many_calls_of_one_process_share_the_one_renewal(
    tmp_path: Path, server: Server
) -> None:
    proof = proof_of(tmp_path, await ended(tmp_path, server))
    async with asyncio.TaskGroup() as tasks:
        calls = [tasks.create_task(proven(proof)) for _ in range(20)]
    assert {call.result() for call in calls} == {f"Bearer {server.valid.read_text()}"}
    assert len(server.asked) == 1


async def test_who_waits_for_a_turn_holds_up_nobody_and_waits_no_longer_than_told(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tools.logins, "_TURN", 0.2)
    login = await ended(tmp_path, server)
    proof = proof_of(tmp_path, login)
    lock = tmp_path / "logins.far.lock"
    async with turn(lock, 1):
        # It would never come to this, were the loop held up.
        with pytest.raises(NotAuthorised, match="Another process is renewing the login"):
            await proven(proof)
        told = await proof.lacks("admin")
        assert told.startswith("The login does not cover the scope 'admin'.")
        # Another server's login has a turn of its own.
        await Logins(tmp_path / FILE).keep("near", login)
    assert await kept(tmp_path) == login
    assert server.asked == []
    assert await proven(proof) == f"Bearer {server.valid.read_text()}"


async def test_what_a_login_lacks_is_noted_on_the_login_that_was_renewed_meanwhile(
    tmp_path: Path, server: Server
) -> None:
    first = await ended(tmp_path, server)
    proof, other = proof_of(tmp_path, first), proof_of(tmp_path, first)
    server.answers.clear()
    renews = asyncio.create_task(proven(proof))
    assert await asked(server)
    notes = asyncio.create_task(other.lacks("admin"))
    await asyncio.wait([notes], timeout=0.3)
    server.answers.set()
    await renews
    await notes
    login = await kept(tmp_path)
    assert (login.wanted, server.renewals) == ("admin", {login.refresh_token})


def _process(home: Path, url: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(RENEWS), str(home), url],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
