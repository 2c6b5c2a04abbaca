"""Sessions: a server that fails, hangs or dies harms no other, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any, cast

import anyio
import httpx
import pytest

from tests.tools.conftest import House, until
from tools.live import Live, _Call
from tools.resolve import Address
from tools.sessions import _why
from tools.stdio import GRACE


def alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be collected does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


async def gone(*pids: int) -> None:
    """Wait until none of the processes runs."""
    assert pids
    await until(lambda: not any(alive(pid) for pid in pids))


async def test_servers_start_side_by_side_and_one_that_fails_harms_no_other(house: House) -> None:
    broken = {"command": "no-such-program-anywhere", "switchyard": {}}
    unset = {"command": "x", "args": ["${SWITCHYARD_NOT_SET_ANYWHERE}"]}
    began = time.monotonic()
    async with house.gate(
        good=house.scripted(),
        exits=house.scripted("exits"),
        mute=house.scripted("mute", start_seconds=2.0),
        mute2=house.scripted("mute", start_seconds=2.0),
        mute3=house.scripted("mute", start_seconds=2.0),
        empty=house.scripted("empty"),
        missing=broken,
        unset=unset,
    ) as door:
        took = time.monotonic() - began
        why = door.gateway.unavailable
        assert (await door.call("good_say", text="here")).text == "here"
        reply = await door.call("exits_say", text="x")
    assert took < 6, "servers that hang at their start are waited for side by side"
    assert set(why) == {"exits", "mute", "mute2", "mute3", "empty", "missing", "unset"}
    assert "exit code 1; it wrote: there is no database here" in why["exits"]
    assert why["mute"].startswith("It did not answer within 2 s of its start")
    assert why["empty"] == "It lists no tools."
    assert why["missing"].startswith("It cannot be started: no-such-program-anywhere: No such file")
    assert "SWITCHYARD_NOT_SET_ANYWHERE is not set" in why["unset"]
    assert f"{house.folder / 'mcp.json'}:" in why["unset"]
    assert reply.outcome == "error"
    assert "Tool server 'exits' is not available" in reply.text
    assert "config/mcp.json" in reply.text


async def test_a_server_is_told_who_speaks_to_it(house: House) -> None:
    async with house.gate():
        told = json.loads((house.folder / "client").read_text())
    assert told["name"] == "switchyard"
    assert told["version"]


async def test_what_a_server_wrote_just_before_its_end_is_told(house: House) -> None:
    # Whatever it started writes a moment later still, to the same standard error.
    script = "(sleep 0.2; echo the disk is full >&2) >/dev/null & exit 3"
    async with house.gate(late={"command": "sh", "args": ["-c", script]}) as door:
        told = door.gateway.unavailable["late"]
    assert "exit code 3; it wrote: the disk is full" in told


async def test_a_server_that_greets_on_standard_output_still_works(house: House) -> None:
    async with house.gate(s=house.scripted("noisy")) as door:
        assert (await door.call("s_stray")).text == "after the stray line"


async def test_a_server_that_failed_to_start_gets_another_chance(house: House) -> None:
    flag = house.folder / "ready"
    program = house.scripted()
    script = f'[ -e "{flag}" ] || exit 3; exec "$0" "$@"'
    program["args"] = ["-c", script, "${PYTHON}", *program["args"]]
    program["command"] = "/bin/sh"
    async with house.gate(s=program) as door:
        assert "exit code 3" in door.gateway.unavailable["s"]
        assert not any(name.startswith("s_") for name in door.gateway.catalogue)
        flag.touch()
        context = house.context
        declared = type(context)(
            run="r1", label=context.label, task="d1/a", tools=frozenset({"s_say"})
        )
        reply = await door.call("s_say", context=declared, text="back")
        assert reply.text == "back"
        assert door.gateway.unavailable == {}


async def test_a_call_past_its_deadline_ends_the_server_with_its_children(house: House) -> None:
    note = house.folder / "pids"
    async with house.gate(s=house.scripted(timeout_seconds=0.5)) as door:
        reply = await door.call("s_brood", file=str(note))
        assert reply.outcome == "timeout"
        assert "No answer came within 0.5 s." in reply.text
        # By force: a program that hangs is not asked first.
        async with asyncio.timeout(GRACE / 2):
            await gone(*(int(pid) for pid in note.read_text().split()))
        assert (await door.call("s_say", text="again")).text == "again"
    (row, _) = await house.ledger.calls.of_run("r1")
    assert row.outcome == "timeout"


async def test_a_read_of_a_server_that_died_is_made_once_more(house: House) -> None:
    async with house.gate() as door:
        reply = await door.call("s_die_once", file=str(house.folder / "mark"))
        assert reply.text == "alive again"
        assert [call["tool"] for call in house.received] == ["die_once", "die_once"]


async def test_a_read_that_kills_its_server_each_time_ends_with_the_reason(house: House) -> None:
    async with house.gate() as door:
        reply = await door.call("s_die")
        assert reply.outcome == "error"
        assert "exit code 1; it wrote: the floor gave way" in reply.text
        assert (await door.call("s_say", text="on")).text == "on"
    assert [call["tool"] for call in house.received] == ["die", "die", "say"]


async def test_a_server_that_keeps_dying_is_left_alone_for_a_while(house: House) -> None:
    async with house.gate(s=house.scripted()) as door:
        for number in range(3):
            reply = await door.call("s_die", call=f"call-{number}")
        starts = len(house.started)
        reply = await door.call("s_say", text="x")
        assert "It is tried again in" in reply.text
        assert len(house.started) == starts


async def test_a_call_beside_one_that_hangs_is_answered_by_the_restarted_server(
    house: House,
) -> None:
    async with house.gate(s=house.scripted(timeout_seconds=0.6)) as door:
        hung = asyncio.create_task(door.call("s_hang"))
        await until(lambda: house.received)
        beside = await door.call("s_say", call="call-2", text="beside")
        assert (await hung).outcome == "timeout"
    assert beside.text == "beside"


async def test_an_answer_to_another_question_is_not_taken(house: House) -> None:
    async with house.gate(s=house.scripted(timeout_seconds=0.4)) as door:
        reply = await door.call("s_misaddress")
    assert reply.outcome == "timeout"


async def test_an_answer_of_fifty_megabytes_is_cut_off_as_it_arrives(house: House) -> None:
    async with house.gate(s=house.scripted(timeout_seconds=60)) as door:
        reply = await door.call("s_huge", size=50_000_000)
        assert (await door.call("s_say", text="on")).text == "on"
    assert reply.outcome == "too_large"
    assert "larger than 1,000,000 bytes" in reply.text
    assert len([call for call in house.received if call["tool"] == "huge"]) == 1


async def test_nothing_is_left_behind_when_the_gateway_is_closed(house: House) -> None:
    async with house.gate(a=house.scripted(), b=house.scripted()) as door:
        await door.call("a_say", text="x")
        pids = house.started
        assert len(pids) == 2
        assert all(alive(pid) for pid in pids)
    await gone(*pids)


async def test_what_a_server_started_is_ended_with_it(house: House) -> None:
    note = house.folder / "pids"
    async with house.gate() as door:
        assert (await door.call("s_leave", file=str(note))).text == "left it"
        pids = [int(pid) for pid in note.read_text().split()]
        assert all(alive(pid) for pid in pids)
    await gone(*pids)


async def test_a_server_that_ignores_its_end_is_ended_by_force(house: House) -> None:
    async with house.gate(s=house.scripted(timeout_seconds=30)) as door:
        hung = asyncio.create_task(door.call("s_hang"))
        await until(lambda: house.received)
        began = time.monotonic()
        pids = house.started
    assert time.monotonic() - began < 5
    await gone(*pids)
    assert (await hung).outcome == "error"


async def test_a_cancelled_opening_leaves_nothing_behind(house: House) -> None:
    async def opened() -> None:
        async with house.gate(s=house.scripted("mute", start_seconds=30)):
            pytest.fail("opened without an answer")

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(opened(), 0.5)
    await gone(*house.started)


async def test_a_server_sees_ours_and_what_its_entry_names_but_no_keys(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "SWITCHYARD_API_KEYS", "SWITCHYARD_SMTP_PASSWORD", "OTHER"):
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("SWITCHYARD_HOME", "/somewhere")
    program = house.scripted()
    program["env"]["TOKEN"] = "${GIVEN}"
    environment = {"GIVEN": "x", "SWITCHYARD_OUTBOX": "/y", "ANTHROPIC_API_KEY": "secret"}
    async with house.gate(environment=environment, s=program) as door:
        reply = await door.call("s_environment")
    names = set(reply.data["names"])
    assert {"PATH", "SWITCHYARD_HOME", "SWITCHYARD_OUTBOX", "TOKEN", "CALLS"} <= names
    assert not {name for name in names if "KEY" in name or "PASSWORD" in name}
    assert not {"OTHER", "GIVEN"} & names


@pytest.mark.parametrize(("method", "kind"), [("tools/call", "unsent"), ("tools/list", "died")])
def test_only_a_call_that_was_turned_away_itself_was_certainly_not_made(
    method: str, kind: str
) -> None:
    request = httpx.Request("POST", "http://127.0.0.1:9/mcp", json={"method": method})
    turned = httpx.HTTPStatusError("", request=request, response=httpx.Response(429))
    assert _why(turned, Address(url="http://127.0.0.1:9/mcp", headers={}))[0] == kind


async def test_a_call_is_not_told_that_it_was_unsent_while_the_tools_are_listed() -> None:
    ended: list[Live] = []
    live = Live(ended.append)
    live._calls.add(_Call(scope=anyio.CancelScope(), origin=cast(Any, None), report=None))
    live.listing = True
    live.end("unsent", "The list was turned away.")
    assert live._for_bystander()[0] == "died"
    assert ended == [live]
