"""An API as tools: a real FastAPI application, by its own document, through the gate."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from runtime.canonical import Json
from tests.tools.conftest import House, Person
from tests.tools.servers.api import ID, SECRET, Api, serving
from tools.credentials import Credential, Keyring
from tools.policy import Policy
from tools.rest_auth import SignedProof
from tools.rest_auth_terms import AwsSigV4, OAuthClient
from tools.rest_document import BadDocument, read_document
from tools.rest_oauth import TokenProof

TERMS: Json = {
    "cleared_for": "internal",
    "timeout_seconds": 3,
    "max_bytes": 10_000,
    "actions": {"echo": "read"},
}
KEY = "k-e-y-of-the-shop"


@pytest.fixture
def api() -> Iterator[Api]:
    with serving() as served:
        yield served


def entry(api: Api, **more: Json) -> Json:
    return {"openapi": f"{api.url}/openapi.json", "switchyard": TERMS, **more}


def oauth(api: Api) -> Json:
    return {
        "type": "oauth_client",
        "token_url": f"{api.url}/token",
        "client_id": {"env": "SHOP_ID"},
        "client_secret": {"env": "SHOP_SECRET"},
        "scope": "items",
    }


async def test_an_application_becomes_tools_with_actions_by_method(house: House, api: Api) -> None:
    async with house.gate(shop=entry(api)) as door:
        tools = {name: tool for name, tool in door.gateway.catalogue.items() if "shop" in name}
        assert {name: tool.action for name, tool in tools.items() if tool.effect} == {
            "shop_add_item": "write",
            "shop_break_it": "write",
            "shop_drop_item": "delete",
            "shop_lead": "write",
            "shop_slow_effect": "write",
        }
        assert len(tools) == 15
        assert tools["shop_get_item"].description.startswith("Look an item up.")
        one = await door.call("shop_get_item", item=1, verbose=True)
        many = await door.call("shop_list_items")
        made = await door.call("shop_add_item", name="chair", price=20)
        gone = await door.call("shop_drop_item", item=2)
    assert one.data == {"id": 1, "verbose": True, "name": "lamp", "price": 9.5}
    assert many.data == {"result": [{"name": "lamp", "price": 9.5}]}
    assert made.data == {"id": 2}
    assert (gone.outcome, gone.text) == ("ok", "Status 204, no content.")


async def test_a_refusal_is_an_error_in_the_words_of_the_api(house: House, api: Api) -> None:
    async with house.gate(shop=entry(api)) as door:
        missing = await door.call("shop_get_item", item=9)
        unfit = await door.call("shop_add_item", name="x", price=-1)
        wrong = await door.call("shop_get_item", item="nine")
        broken = await door.call("shop_broken")
    assert missing.text == 'Status 404: {"detail":"there is no item 9"}'
    assert unfit.text == 'Status 422: {"detail":"the price is below zero"}'
    assert broken.text == "Status 500: Traceback: boom"
    assert {reply.outcome for reply in (missing, unfit, wrong, broken)} == {"error"}
    # The schema turned it away: nothing was sent.
    assert "item" in wrong.text
    assert "GET /items/nine" not in api.calls


async def test_an_effect_without_a_clear_answer_is_not_sent_again(house: House, api: Api) -> None:
    async with house.gate(shop=entry(api)) as door:
        for tool in ("shop_break_it", "shop_slow_effect"):
            first = await door.call(tool, call="1")
            again = await door.call(tool, call="2")
            assert "A person has to look at its target" in first.text
            assert "A person has to look at its target" in again.text
    assert api.calls.count("POST /broken") == api.calls.count("POST /slow") == 1


async def test_deadline_and_size_hold(house: House, api: Api) -> None:
    async with house.gate(shop=entry(api)) as door:
        slow = await door.call("shop_slow")
        large = await door.call("shop_large")
    assert (slow.outcome, large.outcome) == ("timeout", "too_large")
    assert "No answer came within 3 s" in slow.text


async def test_a_redirect_is_followed_at_home_and_never_to_another_host(
    house: House, api: Api
) -> None:
    with serving() as other:
        api.elsewhere = other.url
        auth: Json = {"type": "api_key", "name": "X-Key", "secret": {"env": "SHOP_SECRET"}}
        async with house.gate(shop=entry(api, auth=auth), environment={"SHOP_SECRET": KEY}) as door:
            home = await door.call("shop_moved")
            away = await door.call("shop_away")
            round_ = await door.call("shop_round")
        assert other.seen == []
    assert home.data["name"] == "lamp"
    assert "another host: that is not followed" in away.text
    assert "redirected more than 3 times" in round_.text


@pytest.mark.parametrize("place", ["header", "query"])
async def test_a_key_reaches_the_api_and_nobody_else(
    house: House, api: Api, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    auth = {"type": "api_key", "place": place, "name": "q", "secret": {"env": "SHOP_SECRET"}}
    async with house.gate(shop=entry(api, auth=auth), environment={"SHOP_SECRET": KEY}) as door:
        assert "q" not in door.gateway.catalogue["shop_echo"].schema["properties"]
        reply = await door.call("shop_echo")
        forged = await door.call("shop_echo", q="forged", call="2")
    assert KEY in str(api.seen[-1])
    assert "[secret]" in reply.text
    assert forged.error
    kept = b"".join(file.read_bytes() for file in house.folder.glob("ledger.sqlite*"))
    assert KEY.encode() not in kept
    assert KEY not in reply.text + str(reply.data) + caplog.text


async def test_one_token_serves_many_calls_and_is_renewed_once_it_is_refused(
    house: House, api: Api
) -> None:
    environment = {"SHOP_ID": ID, "SHOP_SECRET": SECRET}
    async with house.gate(shop=entry(api, auth=oauth(api)), environment=environment) as door:
        first = await door.call("shop_guarded", call="1")
        await door.call("shop_guarded", call="2")
        assert api.tokens == ["token-number-1"]
        api.tokens.append("revoked-by-the-server")
        renewed = await door.call("shop_guarded", call="3")
    assert api.tokens[2:] == ["token-number-3"]
    assert first.outcome == renewed.outcome == "ok"
    assert "token-number" not in first.text + str(renewed.data)


async def test_a_token_is_renewed_before_it_ends(house: House, api: Api) -> None:
    api.lasts = 0
    environment = {"SHOP_ID": ID, "SHOP_SECRET": SECRET}
    async with house.gate(shop=entry(api, auth=oauth(api)), environment=environment) as door:
        for call in ("1", "2"):
            assert (await door.call("shop_guarded", call=call)).outcome == "ok"
    assert len(api.tokens) == 2
    assert [call for call in api.calls if call.endswith("/guarded")] == ["GET /guarded"] * 2


async def test_credentials_that_are_not_accepted_are_told_without_them(
    house: House, api: Api
) -> None:
    environment = {"SHOP_ID": ID, "SHOP_SECRET": "the-wrong-secret"}
    async with house.gate(shop=entry(api, auth=oauth(api)), environment=environment) as door:
        reply = await door.call("shop_guarded")
    assert "The token endpoint answered with status 401 (invalid_client)." in reply.text
    assert "secret-of" not in reply.text
    assert "wrong-secret" not in reply.text


async def test_policy_stands_before_the_api(house: House, base: Policy, api: Api) -> None:
    person = Person("refused")
    async with house.gate(base, shop=entry(api)) as door:
        seen = len(api.seen)
        reply = await door.call("shop_drop_item", item=1, ask=person)
    assert reply.outcome == "refused"
    assert person.asked[0].question["action"] == "delete"
    assert len(api.seen) == seen


async def test_an_argument_cannot_lead_elsewhere(house: House, api: Api) -> None:
    document = house.folder / "api.yaml"
    document.write_text(
        "openapi: 3.1.0\ninfo: {title: x, version: '1'}\n"
        "paths:\n  /files/{name}:\n    get:\n      operationId: fetch\n      parameters:\n"
        "      - {name: name, in: path, required: true, schema: {type: string}}\n"
        "      - {name: Authorization, in: header, schema: {type: string}}\n"
        "      - {name: session, in: cookie, schema: {type: string}}\n"
        "      responses: {'200': {description: ok}}\n"
    )
    shop: Json = {"openapi": "api.yaml", "base_url": api.url}
    async with house.gate(shop=shop) as door:
        assert set(door.gateway.catalogue["shop_fetch"].schema["properties"]) == {"name"}
        up = await door.call("shop_fetch", name="../items/1")
        coded = await door.call("shop_fetch", name="%2e%2e/items/1", call="2")
        other = await door.call("shop_fetch", name="//evil.example/x", call="3")
    assert "Nothing was sent" in up.text
    assert "Nothing was sent" in coded.text
    assert "Status 404" in other.text
    assert [path.startswith("/files/") for _, path, _ in api.seen] == [True]


async def test_a_document_must_not_decide_who_gets_the_credentials(house: House, api: Api) -> None:
    document = house.folder / "api.json"
    document.write_text('{"openapi": "3.0.0"}')
    async with house.gate(
        shop={"openapi": "api.json", "switchyard": TERMS},
        gone={"openapi": "http://127.0.0.1:9/secret-path", "switchyard": TERMS},
        none={"openapi": f"{api.url}/items", "switchyard": TERMS},
    ) as door:
        told = door.gateway.unavailable
        reply = await door.call("gone_x")
    assert "The document is no OpenAPI document" in told["shop"]
    assert told["gone"] == "http://127.0.0.1:9 cannot be reached (ConnectError)."
    assert "openapi: None" in told["none"]
    assert "cannot be reached" in reply.text


def test_what_is_no_document_is_told() -> None:
    for text in ("{", "[]", "a: [", '{"openapi": "2.0"}', '{"openapi": "3.0.0", "paths": {}}'):
        with pytest.raises(BadDocument):
            read_document(text, ())


@pytest.mark.parametrize(
    ("auth", "told"),
    [
        ({"type": "api_key", "name": "x", "secret": {}}, "needs one of 'env' and 'file'"),
        ({"type": "api_key", "name": "x", "secret": "plain"}, "auth.secret"),
        ({"type": "magic"}, "does not fit"),
        (
            {"type": "api_key", "name": "x", "nam": "x", "secret": {"env": "X"}},
            "there is no such key",
        ),
    ],
)
def test_a_mistake_in_auth_is_told(house: House, auth: Json, told: str) -> None:
    with pytest.raises(Exception, match=told):
        house.config(s={"openapi": "a.json", "auth": auth})
    with pytest.raises(Exception, match="'auth' stands without 'openapi'"):
        house.config(s={"command": "x", "auth": {**auth_ok()}})


def auth_ok() -> dict[str, Json]:
    return {"type": "api_key", "name": "x", "secret": {"env": "X"}}


# The examples of AWS's own test suite for Signature Version 4.
_AWS = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "


@pytest.mark.parametrize(
    ("method", "url", "content", "signature"),
    [
        ("GET", "/", b"", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("POST", "/", b"", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        (
            "GET",
            "/?Param2=value2&Param1=value1",
            b"",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
    ],
)
async def test_calls_are_signed_as_aws_documents_it(
    monkeypatch: pytest.MonkeyPatch, method: str, url: str, content: bytes, signature: str
) -> None:
    import datetime  # noqa: PLC0415

    from botocore import auth  # type: ignore[import-untyped]  # noqa: PLC0415

    at = datetime.datetime(2015, 8, 30, 12, 36, tzinfo=datetime.UTC)
    monkeypatch.setattr(auth, "get_current_datetime", lambda **_: at.replace(tzinfo=None))
    terms = AwsSigV4(
        type="aws_sigv4",
        region="us-east-1",
        service="service",
        access_key=Credential(env="A"),
        secret_key=Credential(env="S"),
    )
    environment = {"A": "AKIDEXAMPLE", "S": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}
    proof = SignedProof(
        terms, partial(Keyring, environment=environment, folder=Path(), mask=lambda _: None)
    )
    request = httpx.Request(method, f"https://example.amazonaws.com{url}", content=content)
    signed = await proof.put_on(request, SimpleNamespace())  # type: ignore[arg-type]
    assert signed.headers["authorization"] == (
        f"{_AWS}SignedHeaders=host;x-amz-date, Signature={signature}"
    )
    assert "EXAMPLEKEY" not in str(signed.headers)


async def test_an_effect_whose_token_is_late_was_certainly_not_sent(house: House, api: Api) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        auth = oauth(api) | {"token_url": f"http://127.0.0.1:{silent.getsockname()[1]}/token"}
        shop = entry(api, auth=auth, switchyard=TERMS | {"timeout_seconds": 1})
        environment = {"SHOP_ID": ID, "SHOP_SECRET": SECRET}
        async with house.gate(shop=shop, environment=environment) as door:
            reply = await door.call("shop_add_item", name="chair", price=20)
    assert "No proof for the call came within 0.8 s." in reply.text
    assert api.calls == ["GET /openapi.json"]
    (kept,) = await house.ledger.effects.of_run("r1")
    assert kept.state == "failed"


async def test_a_refusal_of_an_older_token_of_a_client_fetches_none(tmp_path: Path) -> None:
    fetched: list[str] = []

    async def send(_request: httpx.Request, _most: int) -> tuple[int, bytes]:
        fetched.append(f"token-{len(fetched)}")
        return 200, b'{"access_token": "%s"}' % fetched[-1].encode()

    terms = OAuthClient(
        type="oauth_client",
        token_url="https://login.example/token",
        client_id=Credential(env="A"),
        client_secret=Credential(env="S"),
    )
    environment = {"A": "client", "S": "secret-of-it"}
    proof = TokenProof(
        terms, partial(Keyring, environment=environment, folder=tmp_path, mask=lambda _: None)
    )
    url = "https://api.example/"
    under_way = [await proof.put_on(httpx.Request("POST", url), send) for _ in range(3)]
    for one in under_way:
        assert proof.refused(one)
        again = await proof.put_on(httpx.Request("POST", url), send)
        assert again.headers["Authorization"] == "Bearer token-1"
    assert len(fetched) == 2
