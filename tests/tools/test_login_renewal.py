"""What renews a login is good for once: two at a time, and one who leaves, must not lose it."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import httpx
import pytest

import tools.rest_login
from runtime.settings import ROOT
from tests.tools.conftest import House
from tests.tools.servers.login import Login as Server
from tests.tools.servers.login import logging_in
from tests.tools.test_login import entry, led_to, past, person_logs_in
from tools.credentials import Keyring
from tools.kept import locked, turn
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


async def sent(proof: LoginProof) -> httpx.Request:
    return await proof.put_on(httpx.Request("POST", "http://127.0.0.1:9/"), elsewhere)


async def proven(proof: LoginProof) -> str:
    return (await sent(proof)).headers["Authorization"]


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
    login = await ended(tmp_path, server)
    proof = proof_of(tmp_path, login)
    lock = tmp_path / "logins.far.lock"
    async with turn(lock, 1):
        # Only to note something, nobody waits that long.
        async with asyncio.timeout(5):
            told = await proof.lacks("admin")
        assert told.startswith("The login does not cover the scope 'admin'.")
        monkeypatch.setattr(tools.rest_login, "TURN", 0.2)
        # It would never come to this, were the loop held up.
        with pytest.raises(NotAuthorised, match="Another process is renewing the login"):
            await proven(proof)
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


async def test_effects_whose_proof_is_late_were_certainly_not_sent(
    house: House, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with led_to(server) as url:
        await person_logs_in(house, url)
        far = entry(url)
        far["switchyard"] |= {"timeout_seconds": 1}
        async with house.gate(pins=house.folder / "pins.json", far=far) as door:
            with monkeypatch.context() as patch:
                patch.setattr(tools.rest_login, "_MARGIN", 1e9)
                async with turn(house.folder / "logins.far.lock", 1):
                    late = [door.call("far_note", call=text, text=text) for text in "ab"]
                    replies = await asyncio.gather(*late)
            # The connection goes on, for those that need no other proof.
            assert door.gateway.unavailable == {}
            assert (await door.call("far_note", call="c", text="c")).outcome == "ok"
    assert [reply.outcome for reply in replies] == ["error", "error"]
    assert all("No proof for the call came within 0.8 s." in reply.text for reply in replies)
    effects = await house.ledger.effects.of_run("r1")
    assert sorted(one.state for one in effects) == ["done", "failed", "failed"]


async def test_an_effect_that_was_refused_and_waits_for_another_proof_was_not_sent(
    house: House, server: Server
) -> None:
    with led_to(server) as url:
        await person_logs_in(house, url)
        far = entry(url)
        far["switchyard"] |= {"timeout_seconds": 1}
        async with house.gate(pins=house.folder / "pins.json", far=far) as door:
            server.valid.write_text("revoked-by-the-server")
            async with turn(house.folder / "logins.far.lock", 1):
                reply = await door.call("far_note", text="x")
    assert reply.outcome == "error"
    assert "No proof for the call came within 0.8 s." in reply.text
    (kept,) = await house.ledger.effects.of_run("r1")
    assert kept.state == "failed"


async def test_a_token_that_many_calls_carried_is_renewed_once_when_it_is_refused(
    tmp_path: Path, server: Server
) -> None:
    login = (await ended(tmp_path, server)).model_copy(update={"until": None})
    await Logins(tmp_path / FILE).keep("far", login)
    proof = proof_of(tmp_path, login)
    under_way = [await sent(proof) for _ in range(4)]
    renewed = []
    for one in under_way:
        assert proof.refused(one)
        renewed.append(await sent(proof))
    assert len(server.asked) == 1
    valid = f"Bearer {server.valid.read_text()}"
    assert {one.headers["Authorization"] for one in renewed} == {valid}
    # A refusal of the new one does ask for another.
    assert proof.refused(renewed[0])
    assert await proven(proof) == f"Bearer {server.valid.read_text()}" != valid


async def test_closing_does_not_wait_for_a_turn(tmp_path: Path, server: Server) -> None:
    proof = proof_of(tmp_path, await ended(tmp_path, server))
    async with turn(tmp_path / "logins.far.lock", 1):
        leaves, stays = (asyncio.create_task(proven(proof)) for _ in range(2))
        await asyncio.wait([leaves], timeout=0.2)
        leaves.cancel()
        async with asyncio.timeout(5):
            await proof.settled()
        with pytest.raises(NotAuthorised, match="Another process is renewing the login"):
            await stays
    assert server.asked == []


async def test_a_renewal_that_fails_when_all_have_left_is_no_noise(
    tmp_path: Path, server: Server
) -> None:
    noise: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, told: noise.append(told))
    proof = proof_of(tmp_path, await ended(tmp_path, server))
    server.renewals.clear()
    server.answers.clear()
    leaves = asyncio.create_task(proven(proof))
    assert await asked(server)
    leaves.cancel()
    server.answers.set()
    await proof.settled()
    assert leaves.cancelled()
    del proof, leaves
    gc.collect()
    assert noise == []


@pytest.mark.parametrize("before", [None, 0o644])
async def test_a_lock_is_for_its_owner_alone(tmp_path: Path, before: int | None) -> None:
    turns, file = tmp_path / "of-turns.lock", tmp_path / "of-a-file.lock"
    for lock in (turns, file):
        if before is not None:
            lock.touch()
            lock.chmod(before)
    async with turn(turns, 1):
        assert turns.stat().st_mode & 0o777 == 0o600
    with locked(file.with_suffix(".json")):
        assert file.stat().st_mode & 0o777 == 0o600


def _process(home: Path, url: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(RENEWS), str(home), url],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
