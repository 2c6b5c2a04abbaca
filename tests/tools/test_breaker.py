"""The circuit breaker, by itself and before a server that keeps failing; and the places there."""

from __future__ import annotations

import asyncio

from runtime.breaker import Breaker
from tests.tools.conftest import SERVERS, TERMS, House


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_failures_in_a_row_open_it_and_one_call_tries_when_the_time_is_over() -> None:
    clock = Clock()
    breaker = Breaker(2, 30, clock)
    for _ in range(2):
        assert breaker.admit() is None
        breaker.failed()
    assert (breaker.state, breaker.admit()) == ("open", 30)
    clock.now += 29
    assert breaker.admit() == 1
    clock.now += 1
    assert (breaker.state, breaker.admit()) == ("half-open", None)
    assert breaker.admit() == 0, "one tries, the others do not"
    breaker.failed()
    assert breaker.admit() == 30
    clock.now += 30
    assert breaker.admit() is None
    breaker.succeeded()
    assert (breaker.state, breaker.admit(), breaker.failed_in_a_row) == ("closed", None, 0)


def test_a_success_in_between_starts_the_count_anew() -> None:
    breaker = Breaker(2, 30, Clock())
    for _ in range(5):
        breaker.failed()
        breaker.succeeded()
    assert breaker.state == "closed"


def test_a_try_that_told_nothing_leaves_the_next_one_to_try() -> None:
    clock = Clock()
    breaker = Breaker(1, 30, clock)
    breaker.failed()
    clock.now += 30
    assert breaker.admit() is None
    breaker.release()
    assert breaker.admit() is None


async def test_a_server_that_fails_in_a_row_is_sent_nothing_until_one_call_tried(
    house: House,
) -> None:
    terms = {"breaker": {"failures": 2, "seconds": 3}}
    async with house.gate(s=house.scripted(**terms)) as door:
        await door.call("s_die")
        sent = len(house.received)
        refused = await door.call("s_say", call="call-2", text="x")
        assert len(house.received) == sent == 2
        async with asyncio.timeout(10):
            number = 3
            while (tried := await door.call("s_say", call=f"{number}", text="back")).error:
                number += 1
        assert tried.text == "back"
        assert (await door.call("s_say", call="on", text="on")).text == "on"
    assert refused.outcome == "error"
    assert "It failed 2 times in a row" in refused.text
    assert "the floor gave way" in refused.text
    assert "It is tried again in" in refused.text


async def test_another_server_is_not_held_to_the_failures_of_this_one(house: House) -> None:
    terms = {"breaker": {"failures": 1, "seconds": 60}}
    async with house.gate(a=house.scripted(**terms), b=house.scripted(**terms)) as door:
        await door.call("a_die")
        assert "in a row" in (await door.call("a_say", call="call-2", text="x")).text
        assert (await door.call("b_say", text="here")).text == "here"


async def test_an_answer_that_is_too_large_or_a_refusal_opens_nothing(house: House) -> None:
    terms = {"breaker": {"failures": 1, "seconds": 60}, "timeout_seconds": 30}
    async with house.gate(s=house.scripted(**terms)) as door:
        assert (await door.call("s_huge", size=2_000_000)).outcome == "too_large"
        assert "not like this" in (await door.call("s_refuse")).text
        assert (await door.call("s_say", text="on")).text == "on"


async def test_no_more_calls_are_under_way_than_the_terms_of_a_server_allow(house: House) -> None:
    program = {"command": "${PYTHON}", "args": [str(SERVERS / "plain.py")]}
    narrow = program | {"switchyard": TERMS | {"max_parallel": 2}}
    wide = program | {"switchyard": TERMS}
    async with house.gate(narrow=narrow, wide=wide) as door:
        for server, most in (("wide", 6), ("narrow", 2)):
            calls = [door.call(f"{server}_together", call=f"{n}") for n in range(6)]
            seen = [int(reply.text) for reply in await asyncio.gather(*calls)]
            assert max(seen) == most


async def test_a_call_that_gets_no_place_in_time_is_refused_and_not_sent(house: House) -> None:
    terms = {"max_parallel": 1, "timeout_seconds": 0.5}
    async with house.gate(s=house.scripted(**terms)) as door:
        hung = asyncio.create_task(door.call("s_hang"))
        waiting = [asyncio.create_task(door.call("s_hang", call=f"{n}")) for n in range(4)]
        replies = [await one for one in (hung, *waiting)]
    refused = [reply for reply in replies if "max_parallel" in reply.text]
    assert refused
    assert all("Nothing was sent" in reply.text for reply in refused)
    assert len(house.received) == len(replies) - len(refused)
