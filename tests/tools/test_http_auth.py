"""A tool server behind OAuth: tokens are had from the one server that an operator named."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from runtime.canonical import Json
from tests.tools.conftest import House
from tests.tools.servers.login import Login, logging_in
from tests.tools.test_http import at, listening

ID, SECRET = "client-of-ours", "secret-of-the-client"
ENVIRONMENT = {"FAR_ID": ID, "FAR_SECRET": SECRET}


@pytest.fixture
def login(tmp_path: Path) -> Iterator[Login]:
    (tmp_path / "valid").write_text("nobody-has-this")
    with logging_in(tmp_path / "valid") as served:
        served.secrets[ID] = SECRET
        yield served


@pytest.fixture
def address(login: Login) -> Iterator[str]:
    with listening(f"@{login.valid}") as (url, _):
        yield url


def entry(url: str, login: Login, *, terms: Json = None, **more: Json) -> Json:
    auth = {"type": "oauth_client", "issuer": login.url, "client_id": {"env": "FAR_ID"}}
    auth |= {"client_secret": {"env": "FAR_SECRET"}} if "private_key" not in more else {}
    return {**at(url, **(terms or {})), "auth": auth | more}


async def test_one_token_from_the_named_issuer_serves_many_calls_and_is_seen_by_nobody(
    house: House, address: str, login: Login, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    far = entry(address, login, scope="tools")
    async with house.gate(environment=ENVIRONMENT, far=far) as door:
        replies = [await door.call("far_greet", call=name, name=name) for name in "abc"]
        told = await door.call("far_greet", call="d", name=f"token-1-of-{ID}")
    assert [reply.text for reply in replies] == ["Hello a", "Hello b", "Hello c"]
    assert told.text == "Hello [secret]"
    (asked,) = login.asked
    assert (asked["grant_type"], asked["scope"]) == ("client_credentials", "tools")
    assert asked["resource"] == address
    kept = b"".join(file.read_bytes() for file in house.folder.glob("ledger.sqlite*"))
    assert SECRET.encode() not in kept
    # Not even the part of it that no other secret covers.
    assert "token-1-of" not in caplog.text
    assert SECRET not in caplog.text
    assert "Hello a" in caplog.text, "the protocol's library was listened to"


async def test_a_refused_token_is_renewed_within_the_same_call(
    house: House, address: str, login: Login
) -> None:
    async with house.gate(environment=ENVIRONMENT, far=entry(address, login)) as door:
        assert (await door.call("far_greet", name="Ann")).outcome == "ok"
        login.valid.write_text("revoked-by-the-server")
        renewed = await door.call("far_note", text="once")
    assert renewed.outcome == "ok"
    assert len(login.asked) == 2
    (kept,) = await house.ledger.effects.of_run("r1")
    assert kept.state == "done"


async def test_a_token_is_renewed_before_it_ends(house: House, address: str, login: Login) -> None:
    login.lasts = 0
    async with house.gate(environment=ENVIRONMENT, far=entry(address, login)) as door:
        before = len(login.asked)
        assert (await door.call("far_greet", name="Ann")).outcome == "ok"
        assert len(login.asked) == before + 1


async def test_a_secret_goes_into_the_form_only_where_the_server_takes_it_nowhere_else(
    house: House, address: str, login: Login
) -> None:
    login.ways = ["client_secret_post"]
    async with house.gate(environment=ENVIRONMENT, far=entry(address, login)) as door:
        assert (await door.call("far_greet", name="Ann")).outcome == "ok"
    assert login.asked[0]["client_secret"] == SECRET


async def test_a_private_key_signs_and_is_never_sent(
    house: House, address: str, login: Login
) -> None:
    made = ec.generate_private_key(ec.SECP256R1())
    pem = made.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    login.public_key = made.public_key().public_bytes(serialization.Encoding.PEM, form).decode()
    key = house.folder / "key.pem"
    key.write_text(pem)
    key.chmod(0o600)
    far = entry(address, login, private_key={"file": "key.pem"}, algorithm="ES256")
    # In a variable, such a key often stands in one line.
    line = entry(address, login, private_key={"env": "KEY"}, algorithm="ES256")
    environment = ENVIRONMENT | {"KEY": pem.replace("\n", "\\n")}
    async with house.gate(environment=environment, far=far, line=line) as door:
        assert (await door.call("far_greet", name="Ann")).outcome == "ok"
        assert (await door.call("line_greet", call="2", name="Ann")).outcome == "ok"
    assert {asked["client"] for asked in login.asked} == {ID}
    middle = pem.splitlines()[1]
    assert middle not in str(login.asked)
    kept = b"".join(file.read_bytes() for file in house.folder.glob("ledger.sqlite*"))
    assert middle.encode() not in kept


async def test_a_key_that_is_none_is_told_without_it(
    house: House, address: str, login: Login
) -> None:
    far = entry(address, login, private_key={"env": "KEY"}, algorithm="ES256")
    environment = ENVIRONMENT | {"KEY": "no-key-at-all"}
    async with house.gate(environment=environment, far=far) as door:
        told = door.gateway.unavailable["far"]
    assert told == "The private key is none for ES256 in PEM."


async def test_credentials_that_are_not_accepted_are_told_without_them(
    house: House, address: str, login: Login
) -> None:
    environment = ENVIRONMENT | {"FAR_SECRET": "the-wrong-secret"}
    async with house.gate(environment=environment, far=entry(address, login)) as door:
        told = door.gateway.unavailable["far"]
        reply = await door.call("far_greet", name="Ann")
    assert told == "The token endpoint answered with status 401 (invalid_client)."
    assert "secret" not in reply.text.replace("[secret]", "").replace("FAR_SECRET", "")


async def test_metadata_of_another_issuer_get_no_credentials(
    house: House, address: str, login: Login
) -> None:
    login.issuer = "https://somebody-else.example"
    async with house.gate(environment=ENVIRONMENT, far=entry(address, login)) as door:
        told = door.gateway.unavailable["far"]
    assert told == "The metadata of the issuer are those of another one."
    assert login.asked == []


async def test_a_tool_server_that_leads_elsewhere_for_a_token_is_not_followed(
    house: House, login: Login
) -> None:
    with logging_in(house.folder / "of-the-thief") as thief:
        lure = entry(f"{thief.url}/mcp", login)
        async with house.gate(environment=ENVIRONMENT, far=lure) as door:
            assert door.gateway.unavailable["far"].endswith("answered with status 401.")
        assert set(thief.seen) == {"POST /mcp"}
    assert all(asked["resource"] == f"{thief.url}/mcp" for asked in login.asked)
    assert 0 < len(login.asked) <= 2, "one token, and once more when it was refused"


async def test_a_scope_that_a_server_wants_and_the_credentials_lack_is_told(
    house: House, login: Login
) -> None:
    far = entry(f"{login.url}/narrow", login)
    async with house.gate(environment=ENVIRONMENT, far=far) as door:
        told = door.gateway.unavailable["far"]
    assert told == "The credentials do not cover the scope 'tools admin' that it wants."
    assert len(login.asked) == 1, "another token of the same client would not help"


async def test_an_issuer_that_is_not_there_is_told(house: House, address: str) -> None:
    far = {
        **at(address),
        "auth": {
            "type": "oauth_client",
            "issuer": "http://127.0.0.1:9",
            "client_id": {"env": "FAR_ID"},
            "client_secret": {"env": "FAR_SECRET"},
        },
    }
    async with house.gate(environment=ENVIRONMENT, far=far) as door:
        told = door.gateway.unavailable["far"]
    assert told == "The token endpoint: http://127.0.0.1:9 cannot be reached (ConnectError)."


async def test_each_tenant_logs_in_with_its_own_client(
    house: House, address: str, login: Login
) -> None:
    login.secrets |= {"client-of-acme": "acme-sesame", "client-of-globex": "globex-sesame"}
    given = {
        tenant: {
            "client_id": {"env": f"{tenant.upper()}_ID"},
            "client_secret": {"env": f"{tenant.upper()}_KEY"},
        }
        for tenant in ("acme", "globex")
    }
    environment = ENVIRONMENT | {
        "ACME_ID": "client-of-acme",
        "ACME_KEY": "acme-sesame",
        "GLOBEX_ID": "client-of-globex",
        "GLOBEX_KEY": "globex-sesame",
    }
    far = entry(address, login, terms={"credentials": given})
    async with house.gate(environment=environment, far=far) as door:
        for tenant in ("acme", "globex", "initech"):
            context = replace(door.context, tenant=tenant)
            reply = await door.call("far_greet", call=tenant, context=context, name=tenant)
            assert reply.outcome == ("denied" if tenant == "initech" else "ok")
    # The server knows one token at a time: at the end the first session has to log in again.
    clients = [asked["client"] for asked in login.asked]
    assert clients[:2] == ["client-of-acme", "client-of-globex"]


@pytest.mark.parametrize("place", ["header", "query"])
async def test_a_key_that_goes_with_every_call_is_veiled(house: House, place: str) -> None:
    with listening("sesame-1") as (url, _):
        auth: Json = {"type": "api_key", "name": "Authorization", "secret": {"env": "DOOR"}}
        auth["secret"]["prefix"] = "Bearer "
        far = {**at(url), "auth": auth | {"place": place}}
        async with house.gate(environment={"DOOR": "sesame-1"}, far=far) as door:
            if place == "query":
                # There it is no proof for this server, and is not told either.
                told = door.gateway.unavailable["far"]
                assert told.endswith("answered with status 401.")
                assert "sesame" not in told
                return
            assert (await door.call("far_greet", name="sesame-1")).text == "Hello [secret]"


@pytest.mark.parametrize(
    ("auth", "told"),
    [
        ({"issuer": "", "token_url": ""}, "one of 'token_url' and 'issuer'"),
        ({"token_url": "https://x/token"}, "one of 'token_url' and 'issuer'"),
        ({"client_secret": None}, "one of 'client_secret' and 'private_key'"),
        ({"private_key": {"env": "KEY"}}, "one of 'client_secret' and 'private_key'"),
        ({"issuer": "login.example"}, "'login.example' is no address"),
        ({"algorithm": "none"}, '"none" does not fit'),
        ({"client_id": {}}, "needs one of 'env' and 'file'"),
    ],
)
def test_a_mistake_in_client_credentials_is_told(house: House, auth: Json, told: str) -> None:
    good = {
        "type": "oauth_client",
        "issuer": "https://login.example",
        "client_id": {"env": "FAR_ID"},
        "client_secret": {"env": "FAR_SECRET"},
    }
    made = {name: one for name, one in (good | auth).items() if one is not None}
    house.config(far={"url": "https://far.example/mcp", "auth": good})
    with pytest.raises(Exception, match=told):
        house.config(far={"url": "https://far.example/mcp", "auth": made})


def test_a_tenant_s_secret_that_is_none_of_auth_is_told(house: House) -> None:
    far = {
        "url": "https://far.example/mcp",
        "auth": {"type": "api_key", "name": "X-Key", "secret": {"env": "X"}},
        "switchyard": {"credentials": {"acme": {"X-Key": {"env": "Y"}}}},
    }
    with pytest.raises(Exception, match="'X-Key' of 'acme' is none of 'auth'"):
        house.config(far=far)
