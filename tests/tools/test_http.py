"""Servers on the protocol's own library: over stdio, and over streamable HTTP."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from runtime.canonical import Json
from tests.tools.conftest import SERVERS, TERMS, House


@contextmanager
def listening(*args: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A server in a process of its own, with the address it listens on."""
    command = [sys.executable, str(SERVERS / "plain.py"), "http", *args]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/mcp", process
        finally:
            process.kill()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with listening() as (url, _):
        yield url


def at(url: str, **terms: Json) -> Json:
    return {"type": "http", "url": url, "switchyard": TERMS | terms}


async def test_one_server_answers_the_same_over_both_transports(house: House, address: str) -> None:
    program = {
        "type": "stdio",
        "command": sys.executable,
        "args": [str(SERVERS / "plain.py")],
        "switchyard": TERMS,
    }
    async with house.gate(near=program, far=at(address)) as door:
        assert door.gateway.unavailable == {}
        theirs = [tool for tool in door.gateway.catalogue.values() if tool.server != "files"]
        assert len(theirs) == 2 * len({tool.remote for tool in theirs}) == 14
        for server in ("near", "far"):
            assert (await door.call(f"{server}_add", a=2, b=3)).data == {"sum": 5}
            assert (await door.call(f"{server}_greet", name="Ann")).text == "Hello Ann"
            note = door.gateway.catalogue[f"{server}_note"]
            assert (note.action, note.effect, note.description) == ("write", True, "Keep a note.")
            reply = await door.call(f"{server}_much", size=10_001)
            assert reply.outcome == "too_large"


async def test_an_answer_over_http_is_cut_off_as_it_arrives(house: House, address: str) -> None:
    async with house.gate(far=at(address)) as door:
        reply = await door.call("far_much", size=3_000_000)
        assert reply.outcome == "too_large"
        assert "larger than 1,000,000 bytes" in reply.text
        assert (await door.call("far_greet", name="Ann")).text == "Hello Ann"


async def test_headers_carry_secrets_from_the_environment(house: House) -> None:
    with listening("sesame") as (url, _):
        good, bad = at(url), at(url)
        good["headers"] = {"Authorization": "Bearer ${DOOR}"}
        async with house.gate(good=good, bad=bad, environment={"DOOR": "sesame"}) as door:
            assert (await door.call("good_greet", name="Ann")).text == "Hello Ann"
            assert door.gateway.unavailable["bad"].endswith("answered with status 401.")


async def test_an_address_where_nobody_listens_is_told_without_its_path(house: House) -> None:
    async with house.gate(far=at("http://127.0.0.1:9/secret-path")) as door:
        why = door.gateway.unavailable["far"]
        assert why == "http://127.0.0.1:9 cannot be reached (ConnectError)."


async def test_a_server_that_went_away_over_http_is_told(house: House) -> None:
    with listening() as (url, process):
        async with house.gate(far=at(url)) as door:
            assert (await door.call("far_greet", name="Bob")).outcome == "ok"
            process.kill()
            process.wait(timeout=5)
            effect = await door.call("far_note", text="x")
            read = await door.call("far_greet", name="Ann")
    for reply in (effect, read):
        assert reply.outcome == "error"
        assert "cannot be reached" in reply.text
    # Nobody took it in, so it may be tried again.
    (kept,) = await house.ledger.effects.of_run("r1")
    assert kept.state == "failed"
