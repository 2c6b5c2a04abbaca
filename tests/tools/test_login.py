"""A person's login at a tool server: made once, kept for its owner alone, renewed without them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from runtime.canonical import Json
from runtime.errors import UserError
from tests.tools.conftest import House
from tests.tools.servers.login import Login as Server
from tests.tools.servers.login import logging_in
from tests.tools.test_http import at, listening
from tools.login import Visit, log_in
from tools.logins import FILE, Login, Logins
from tools.resolve import Address
from tools.rest_auth_terms import OAuthUser

REDIRECT = "http://127.0.0.1:8976/callback"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "valid").write_text("nobody-has-this")
    with logging_in(tmp_path / "valid") as served:
        yield served


@pytest.fixture
def address(server: Server) -> Iterator[str]:
    with led_to(server) as url:
        yield url


@contextmanager
def led_to(server: Server) -> Iterator[str]:
    """A tool server that leads whoever has no token to this authorization server."""
    with listening(f"@{server.valid}", f"{server.url}/prm") as (url, _):
        server.resource = url
        yield url


class Browser:
    """A person who agrees to everything."""

    def __init__(self) -> None:
        self.pages: list[str] = []
        self._back = httpx.URL()

    async def show(self, page: str) -> None:
        self.pages.append(page)
        async with httpx.AsyncClient() as client:
            self._back = httpx.URL((await client.get(page)).headers["location"])

    async def answer(self) -> Mapping[str, str]:
        return dict(self._back.params)


async def person_logs_in(
    house: House, url: str, browser: Browser | None = None, **terms: Json
) -> Login:
    """What the command line does."""
    logins, browser = Logins(house.folder / FILE), browser or Browser()
    login = await log_in(
        "far",
        Address(url=url, headers={}),
        OAuthUser(type="oauth_user", **terms),
        secrets={},
        visit=Visit(redirect=REDIRECT, show=browser.show, answer=browser.answer),
        before=await logins.of("far"),
        by="ann",
    )
    await logins.keep("far", login)
    return login


async def past(house: House, login: Login) -> Login:
    """The login as it is once its token has ended."""
    ended = login.model_copy(update={"until": 1.0})
    await Logins(house.folder / FILE).keep("far", ended)
    return ended


def entry(url: str, **auth: Json) -> Json:
    return {**at(url), "auth": {"type": "oauth_user", **auth}}


async def test_one_login_serves_the_gateway_and_is_seen_by_nobody(
    house: House, address: str, server: Server
) -> None:
    login = await person_logs_in(house, address)
    file = house.folder / FILE
    assert file.stat().st_mode & 0o777 == 0o600
    async with house.gate(pins=house.folder / "pins.json", far=entry(address)) as door:
        replies = [
            await door.call("far_greet", call=name, name=name)
            for name in ("Ann", login.access_token)
        ]
    assert [reply.text for reply in replies] == ["Hello Ann", "Hello [secret]"]
    assert [asked.get("grant_type") for asked in server.asked] == [None, "authorization_code"]
    assert all(asked["resource"] == address for asked in server.asked)
    kept = b"".join(one.read_bytes() for one in house.folder.glob("ledger.sqlite*"))
    assert login.access_token.encode() not in kept


async def test_a_login_is_renewed_without_the_person_and_what_renews_it_is_kept(
    house: House, address: str, server: Server
) -> None:
    first = await past(house, await person_logs_in(house, address))
    async with house.gate(pins=house.folder / "pins.json", far=entry(address)) as door:
        assert (await door.call("far_greet", name="Ann")).text == "Hello Ann"
    now = await Logins(house.folder / FILE).of("far")
    assert now is not None
    await past(house, now)
    async with house.gate(pins=house.folder / "pins.json", far=entry(address)) as door:
        assert (await door.call("far_greet", call="2", name="Bob")).text == "Hello Bob"
    now = await Logins(house.folder / FILE).of("far")
    assert now is not None
    assert now.refresh_token not in ("", first.refresh_token)
    assert server.renewals == {now.refresh_token}, "each is good for once"


async def test_a_token_that_is_refused_is_renewed_within_the_same_call(
    house: House, address: str, server: Server
) -> None:
    await person_logs_in(house, address)
    async with house.gate(pins=house.folder / "pins.json", far=entry(address)) as door:
        server.valid.write_text("revoked-by-the-server")
        assert (await door.call("far_note", text="x")).outcome == "ok"
    (kept,) = await house.ledger.effects.of_run("r1")
    assert kept.state == "done"


async def test_a_login_that_has_ended_is_told_with_the_command_for_another(
    house: House, address: str, server: Server
) -> None:
    await past(house, await person_logs_in(house, address))
    server.renewals.clear()
    async with house.gate(pins=house.folder / "pins.json", far=entry(address)) as door:
        context = replace(door.context, tools=frozenset({"far_greet"}))
        reply = await door.call("far_greet", context=context, name="Ann")
        assert "The login was not renewed (status 400)." in reply.text
        assert "switchyard tools login far" in reply.text
        # The gateway takes up what another process kept meanwhile.
        await person_logs_in(house, address)
        again = await door.call("far_greet", context=context, call="2", name="Ann")
        assert again.text == "Hello Ann"


async def test_without_a_login_nothing_is_sent(house: House, server: Server) -> None:
    far = entry(f"{server.url}/mcp")
    async with house.gate(pins=house.folder / "pins.json", far=far) as door:
        told = door.gateway.unavailable["far"]
    assert told == ("Nobody has logged in there. A person logs in with: switchyard tools login far")
    assert server.seen == []


async def test_a_login_is_used_at_no_other_address(
    house: House, address: str, server: Server
) -> None:
    await person_logs_in(house, address)
    seen = len(server.seen)
    far = entry(f"{server.url}/mcp")
    async with house.gate(pins=house.folder / "pins.json", far=far) as door:
        assert "The login is one at another address." in door.gateway.unavailable["far"]
    assert len(server.seen) == seen


async def test_we_register_once_and_ask_for_what_the_server_wanted_since(
    house: House, address: str, server: Server
) -> None:
    server.scopes = ["tools", "offline_access"]
    first = await person_logs_in(house, address)
    logins = Logins(house.folder / FILE)
    await logins.keep("far", first.model_copy(update={"wanted": "admin"}))
    await person_logs_in(house, address, scope="extra")
    assert server.seen.count("POST /register") == 1
    scopes = [set(asked["scope"].split()) for asked in server.asked if "scope" in asked]
    assert scopes[0] == {"tools", "offline_access"}
    assert scopes[-1] == {"tools", "offline_access", "admin", "extra"}


async def test_what_a_login_lacks_is_kept_for_the_next_one(house: House, server: Server) -> None:
    url = f"{server.url}/narrow"
    login = Login(
        url=url,
        token_endpoint=f"{server.url}/token",
        client={"client_id": "c"},
        access_token="a-token-of-ann",
        since=0,
        by="ann",
    )
    await Logins(house.folder / FILE).keep("far", login)
    async with house.gate(pins=house.folder / "pins.json", far=entry(url)) as door:
        told = door.gateway.unavailable["far"]
    assert told.startswith("The login does not cover the scope 'tools admin'.")
    kept = await Logins(house.folder / FILE).of("far")
    assert kept is not None
    assert kept.wanted == "tools admin"


async def test_a_server_that_leads_to_another_issuer_gets_nobody_to_log_in(
    house: House, server: Server
) -> None:
    file = house.folder / "of-the-thief"
    file.write_text("nobody-has-this")
    with logging_in(file) as thief:
        with led_to(thief) as url:
            browser = Browser()
            with pytest.raises(UserError, match="another issuer than its entry"):
                await person_logs_in(house, url, browser, issuer=server.url)
            assert set(thief.seen) == {"GET /prm"}
            # Where it names none, it stands for itself.
            with pytest.raises(UserError, match="another issuer than its entry"):
                await person_logs_in(house, f"{thief.url}/bare", browser, issuer=server.url)
        assert browser.pages == []
        assert thief.asked == []


@pytest.mark.parametrize(
    ("says", "told"),
    [
        ({"iss": "https://somebody-else.example"}, "one of another issuer"),
        ({"state": "forged"}, "State parameter mismatch"),
        ({"error": "access_denied"}, "the login was refused .access_denied."),
        # It said that it would name itself.
        ({}, "names no issuer"),
    ],
)
async def test_an_answer_that_is_not_to_our_question_is_not_taken(
    house: House, address: str, server: Server, says: dict[str, str], told: str
) -> None:
    server.says, server.names_itself = says, not says
    with pytest.raises(UserError, match=told):
        await person_logs_in(house, address)
    assert "POST /token" not in server.seen
    assert not (house.folder / FILE).exists()


async def test_a_server_that_asks_nobody_is_told(house: House) -> None:
    with (
        listening() as (url, _),
        pytest.raises(UserError, match="the server asks nobody to log in"),
    ):
        await person_logs_in(house, url)


async def test_logins_that_cannot_be_read_are_told_without_what_is_in_them(
    house: House, address: str
) -> None:
    (house.folder / FILE).write_text('{"version": 1, "servers": {"far": "a-token-of-ann"}}')
    async with house.gate(pins=house.folder / "pins.json", far=entry(address)) as door:
        told = door.gateway.unavailable["far"]
    assert "The logins at tool servers cannot be read" in told
    assert "token-of-ann" not in told


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"openapi": "a.json", "url": None}, "fits neither an API nor tenants"),
        ({"switchyard": {"credentials": {"a": {"x": {"env": "X"}}}}}, "neither an API nor tenants"),
        ({"auth": {"client_secret": {"env": "X"}}}, "needs its 'client_id' and the 'issuer'"),
        ({"auth": {"metadata_url": "http://x/y"}}, "no address that others can read"),
        ({"auth": {"port": 0}}, "0 does not fit"),
    ],
)
def test_a_mistake_in_a_login_is_told(house: House, more: Json, told: str) -> None:
    far = {"url": "https://far.example/mcp"} | more
    far["auth"] = {"type": "oauth_user"} | more.get("auth", {})
    with pytest.raises(Exception, match=told):
        house.config(far={name: one for name, one in far.items() if one is not None})
