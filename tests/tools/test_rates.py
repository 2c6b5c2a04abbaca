"""Rate limits: a breach names limit, figure and time, is recorded as denied, and sends nothing."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace

from tests.tools.conftest import House, Person

ASKS = '@id("test/ask") @ask("sure?") permit (principal, action, resource);'


async def test_a_breach_is_denied_with_figure_and_time_and_nothing_is_sent(house: House) -> None:
    async with house.gate(s=house.scripted(rates={"say": "2/minute"})) as door:
        for number in range(2):
            assert (await door.call("s_say", call=f"{number}", text="x")).outcome == "ok"
        reply = await door.call("s_say", call="third", text="x")
        other = await door.call("s_add", a=1, b=1)
    assert (reply.outcome, reply.error) == ("denied", True)
    assert "The rate limit 2/minute (rates.say of server 's') is used up." in reply.text
    found = re.search(r"Try again in (\d+) s\.", reply.text)
    assert found is not None
    assert 50 <= int(found.group(1)) <= 60
    assert other.outcome == "ok"
    assert [call["tool"] for call in house.received] == ["say", "say", "add"]
    row = (await house.ledger.calls.of_run("r1"))[2]
    assert (row.decision, row.outcome) == ("deny", "denied")
    assert "2/minute" in row.reason


async def test_calls_side_by_side_never_pass_a_limit(house: House) -> None:
    async with house.gate(s=house.scripted(rates={"say": "5/minute"})) as door:
        calls = [door.call("s_say", call=f"{n}", text=f"{n}") for n in range(20)]
        outcomes = [reply.outcome for reply in await asyncio.gather(*calls)]
    assert sorted(outcomes) == ["denied"] * 15 + ["ok"] * 5
    assert len(house.received) == 5


async def test_tenants_and_principals_are_counted_each_by_itself(house: House) -> None:
    terms = {"rates_per_tenant": {"*": "3/hour"}, "rates_per_principal": {"say": "2/hour"}}
    async with house.gate(s=house.scripted(**terms)) as door:

        async def say(number: int, tenant: str, user: str) -> str:
            context = replace(door.context, tenant=tenant, user=user)
            reply = await door.call("s_say", call=f"{number}", context=context, text="x")
            return "ok" if reply.outcome == "ok" else re.search(r"\((.*)\)", reply.text)[1]  # type: ignore[index]

        got = [await say(n, "acme", "ann") for n in range(3)]
        got += [await say(3, "acme", "bob"), await say(4, "acme", "bob"), await say(5, "b", "ann")]
    person = "rates_per_principal.say of server 's' for acme/ann"
    tenant = "rates_per_tenant.* of server 's' for acme"
    assert got == ["ok", "ok", person, "ok", tenant, "ok"]


async def test_a_call_that_asks_counts_once_it_was_approved(house: House) -> None:
    yes, no = Person("approved"), Person("refused")
    async with house.gate(ASKS, s=house.scripted(rates={"send": "1/hour"})) as door:
        assert (await door.call("s_send", call="1", ask=no, to="a")).outcome == "refused"
        assert (await door.call("s_send", call="2", ask=yes, to="b")).outcome == "ok"
        reply = await door.call("s_send", call="3", ask=yes, to="c")
    assert reply.outcome == "denied"
    assert len(yes.asked) == 1, "nobody is asked about a call that cannot be made"
    assert [call["arguments"] for call in house.received] == [{"to": "b"}]


async def test_a_limit_on_a_tool_that_is_not_there_keeps_the_server_closed(house: House) -> None:
    async with house.gate(s=house.scripted(rates_per_tenant={"sayy": "1/hour"})) as door:
        told = door.gateway.unavailable["s"]
    assert "rates_per_tenant.sayy: server 's' has no such tool" in told
