"""A redirect that answers an effect: it may have happened, and following it could repeat it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from runtime.canonical import Json
from tests.tools.conftest import House
from tests.tools.servers.api import Api, serving
from tests.tools.test_openapi import KEY, TERMS, entry

AUTH: Json = {"type": "api_key", "name": "X-Key", "secret": {"env": "SHOP_SECRET"}}
UNKNOWN = "A person has to look at its target"


@pytest.fixture
def api() -> Iterator[Api]:
    with serving() as served:
        yield served


@pytest.fixture
def other() -> Iterator[Api]:
    """Another host, which counts what reaches it."""
    with serving() as served:
        yield served


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("place", ["home", "elsewhere", "nowhere"])
async def test_an_effect_that_is_answered_with_a_redirect_is_sent_once_and_to_one_end(
    house: House, api: Api, other: Api, status: int, place: str
) -> None:
    leads = {"home": "/caught?key=x", "elsewhere": f"{other.url}/caught?key=x", "nowhere": ""}
    at = {"home": f"to {api.url}/caught", "elsewhere": f"to {other.url}/caught"}
    api.leads = (status, leads[place])
    shop = entry(api, auth=AUTH)
    async with house.gate(shop=shop, environment={"SHOP_SECRET": KEY}) as door:
        first = await door.call("shop_lead", call="1")
        again = await door.call("shop_lead", call="2")
    assert (
        f"It answered with status {status}. A redirect of an effect is not followed" in first.text
    )
    assert f"It leads {at.get(place, 'nowhere')}: correct the path or base_url." in first.text
    assert UNKNOWN in first.text
    assert UNKNOWN in again.text
    assert (first.error, again.error) == (True, True)
    assert [one for one in api.calls if one != "GET /openapi.json"] == ["POST /lead"]
    assert other.seen == []
    (kept,) = await house.ledger.effects.of_run("r1")
    assert kept.state == "unknown"


async def test_a_key_in_the_path_of_a_redirect_is_veiled(house: House, api: Api) -> None:
    api.leads = (307, f"/caught/{KEY}/" + "x" * 500)
    shop = entry(api, auth=AUTH)
    async with house.gate(shop=shop, environment={"SHOP_SECRET": KEY}) as door:
        told = (await door.call("shop_lead")).text
    assert f"{api.url}/caught/[secret]/x" in told
    assert "x" * 200 not in told


async def test_an_effect_by_get_is_not_redirected_either(house: House, api: Api) -> None:
    terms = TERMS | {"actions": {"moved": "write", "away": "write"}}
    async with house.gate(shop=entry(api, switchyard=terms)) as door:
        for tool in ("shop_moved", "shop_away"):
            assert UNKNOWN in (await door.call(tool, call=tool)).text
    assert [one for one in api.calls if one != "GET /openapi.json"] == ["GET /moved", "GET /away"]


async def test_a_read_by_post_is_redirected_within_its_host_alone(
    house: House, api: Api, other: Api
) -> None:
    terms = TERMS | {"actions": {"lead": "read"}}
    shop = entry(api, switchyard=terms, auth=AUTH)
    async with house.gate(shop=shop, environment={"SHOP_SECRET": KEY}) as door:
        home = await door.call("shop_lead", call="1")
        api.leads = (308, f"{other.url}/caught")
        away = await door.call("shop_lead", call="2")
    assert home.text == "did it here"
    assert api.calls.count("POST /caught") == 1
    assert "another host: that is not followed" in away.text
    assert other.seen == []
