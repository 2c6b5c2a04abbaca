"""The gateway: each call is decided, recorded and capped; whatever goes wrong is a reply."""

from __future__ import annotations

import asyncio
import json

import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine

from ledger.calls import ToolCall
from runtime.canonical import Json
from runtime.errors import LedgerUnavailable
from runtime.labels import Label
from tests.tools.conftest import OPEN, House
from tools.policy import Policy


async def break_ledger(house: House) -> None:
    engine = create_async_engine(f"sqlite+aiosqlite:///{house.folder / 'ledger.sqlite'}")
    async with engine.begin() as connection:
        await connection.execute(text("DROP TABLE tool_calls"))
    await engine.dispose()


async def rows(house: House) -> list[ToolCall]:
    return await house.ledger.calls.of_run("r1")


async def test_a_call_is_answered_and_its_row_says_who_what_and_how_it_ended(house: House) -> None:
    async with house.gate() as door:
        reply = await door.call("s_add", a=2, b=3)
    assert (reply.text, reply.data, reply.error, reply.outcome) == (
        '{"sum":5}',
        {"sum": 5},
        False,
        "ok",
    )
    (row,) = await rows(house)
    assert (row.id, row.tenant, row.user, row.specialist) == (reply.id, "acme", "ann", "tester")
    assert (row.task, row.attempt, row.tool, row.arguments) == (
        "d1/a",
        1,
        "s_add",
        {"a": 2, "b": 3},
    )
    assert (row.decision, row.policies, row.outcome) == ("allow", ["test/all"], "ok")
    assert row.reason == "Permitted by test/all."
    assert row.seconds is not None
    assert 0 < row.seconds < 5
    assert row.result is not None
    content = await house.ledger.exchanges.content(row.result)
    assert content == b'{"data":{"sum":5},"error":false,"text":"{\\"sum\\":5}"}'
    (kept,) = await house.ledger.exchanges.of_run("r1")
    assert kept.response == row.result


async def test_a_denied_call_never_reaches_the_server_and_is_a_row(house: House) -> None:
    async with house.gate('@id("x") forbid (principal, action, resource);') as door:
        reply = await door.call("s_add", a=2, b=3)
        assert door.gateway.decide(door.context, "s_add").verdict == "deny"
    assert (reply.error, reply.outcome) == (True, "denied")
    assert reply.text == "s_add was denied: Forbidden by x. Go on without it, and say so."
    assert house.received == []
    (row,) = await rows(house)
    assert (row.decision, row.policies, row.outcome) == ("deny", ["x"], "denied")
    assert [event.phase for event in house.events] == ["denied"]


async def test_a_denied_call_starts_no_server(house: House) -> None:
    forbidden = '@id("x") forbid (principal, action, resource == Tool::"s_add");'
    async with house.gate(OPEN + forbidden) as door:
        await door.call("s_die")
        starts = house.started
        assert (await door.call("s_add", a=2, b=3)).outcome == "denied"
        assert house.started == starts
        assert (await door.call("s_say", text="x")).outcome == "ok"
        assert len(house.started) == len(starts) + 1


async def test_a_policy_that_fails_to_evaluate_denies(house: House) -> None:
    overflow = (
        '@id("sum") forbid (principal, action, resource) '
        "when { context.cleared_rank * 9223372036854775807 > 5 };"
    )
    servers = {"s": house.scripted(cleared_for="regulated")}
    async with house.gate(OPEN + overflow, **servers) as door:
        reply = await door.call("s_add", a=2, b=3)
    assert reply.outcome == "denied"
    assert "`sum`: integer overflow" in reply.text
    assert house.received == []


async def test_a_tool_that_the_specialist_does_not_declare_is_denied(
    house: House, base: Policy
) -> None:
    async with house.gate(base) as door:
        reply = await door.call("s_add", context=house.context, a=2, b=3)
    assert reply.outcome == "denied"
    assert "does not list this tool" in reply.text
    assert house.received == []


async def test_data_above_the_clearance_of_a_server_does_not_go_there(
    house: House, base: Policy
) -> None:
    async with house.gate(base) as door:
        assert (await door.call("s_add", a=1, b=1)).outcome == "ok"
        # The label of the ledger counts, though the context still carries the one of the start.
        await house.ledger.runs.raise_label("r1", Label.regulated)
        reply = await door.call("s_add", a=1, b=2)
    assert reply.outcome == "denied"
    assert "not cleared for" in reply.text
    assert len(house.received) == 1
    # What was decided by the label of before is nowhere: the record has each call once.
    verdicts = [row.decision for row in await house.ledger.calls.of_run("r1")]
    rows = await house.ledger.audit.rows("r1")
    decided = [json.loads(row.entry) for row in rows if '"kind":"decided"' in row.entry]
    assert verdicts == [one["verdict"] for one in decided] == ["allow", "deny"]


async def test_a_read_that_is_made_again_in_the_same_process_returns_its_record(
    house: House,
) -> None:
    async with house.gate() as door:
        await door.call("s_add", call="call-0", a=1, b=1)
        replies = [await door.call("s_add", call="call-1", a=2, b=2) for _ in range(3)]
    assert {(reply.id, reply.text, reply.outcome) for reply in replies} == {
        (replies[0].id, replies[0].text, "ok")
    }
    assert len(house.received) == 2
    assert len(await house.ledger.calls.of_run("r1")) == 2


async def test_an_answer_raises_the_label_of_the_run_and_a_denial_does_not(house: House) -> None:
    servers = {"s": house.scripted(label="regulated")}
    async with house.gate(**servers) as door:
        await door.call("s_nothing")
        assert await house.ledger.runs.label("r1") is Label.public
        await door.call("s_add", a=1, b=1)
        assert await house.ledger.runs.label("r1") is Label.regulated


@pytest.mark.parametrize(
    ("tool", "arguments", "told"),
    [
        ("s_add", {"a": "2", "b": 3}, 'a: "2" does not fit. Send an integer.'),
        ("s_add", {"a": 2}, "b: is missing. Add it; s_add takes: a, b."),
        ("s_say", {"text": "x", "loud": True}, "'loud' was unexpected"),
        ("s_say", {"text": float("nan")}, "The arguments are not JSON"),
        ("s_say", {"text": "\ud800"}, "The arguments are not JSON"),
        ("s_say", {"text": "x" * 1_000_001}, "at most 1,000,000 are sent"),
        ("s_fly", {}, "There is no tool 's_fly'. There are: s_add, "),
    ],
)
async def test_wrong_arguments_are_told_by_field_and_recorded(
    house: House, tool: str, arguments: dict[str, Json], told: str
) -> None:
    async with house.gate() as door:
        reply = await door.call(tool, **arguments)
    assert told in reply.text
    assert reply.error
    assert house.received == []
    (row,) = await rows(house)
    assert (row.decision, row.reason) == ("deny", reply.text)
    assert row.outcome == ("denied" if tool == "s_fly" else "error")


async def test_a_bound_argument_comes_from_the_run_and_never_from_a_model(house: House) -> None:
    servers = {"s": house.scripted(bind={"folder": "docs"})}
    async with house.gate(**servers) as door:
        entry = door.gateway.catalogue["s_where"]
        assert (list(entry.schema["properties"]), entry.schema["required"]) == (["name"], ["name"])
        told = await door.call("s_where", name="a", folder="/etc")
        assert told.text == "folder: is set by the gateway for this run. Leave it out."
        reply = await door.call("s_where", name="a")
    assert reply.data == {"folder": str(house.folder), "name": "a"}
    assert len(house.received) == 1


async def test_a_bound_argument_that_the_run_does_not_have_is_told(house: House) -> None:
    servers = {"s": house.scripted(bind={"folder": "docs"})}
    house.context = type(house.context)(run="r1", label=Label.public, task="d1/a")
    async with house.gate(**servers) as door:
        reply = await door.call("s_where", name="a")
    assert reply.text.startswith("folder: this run has no 'docs'")
    assert house.received == []


async def test_the_tools_own_error_is_an_error_reply(house: House) -> None:
    async with house.gate() as door:
        reply = await door.call("s_fail")
    assert (reply.text, reply.error, reply.outcome) == ("the shelf is empty", True, "error")
    (row,) = await rows(house)
    assert row.outcome == "error"


async def test_a_protocol_error_is_an_error_reply(house: House) -> None:
    async with house.gate() as door:
        reply = await door.call("s_refuse")
        assert (await door.call("s_say", text="still here")).text == "still here"
    assert reply.text == "s_refuse was refused by its server: not like this (code -32602)."


async def test_a_result_above_the_cap_is_not_passed_on(house: House) -> None:
    async with house.gate() as door:
        assert (await door.call("s_huge", size=10_000)).outcome == "ok"
        reply = await door.call("s_huge", size=10_001)
    assert (reply.outcome, reply.data) == ("too_large", None)
    assert reply.text.startswith("The result of s_huge takes 10,001 bytes; at most 10,000")
    assert [row.outcome for row in await rows(house)] == ["ok", "too_large"]


async def test_a_read_made_again_after_a_crash_returns_the_record(house: House) -> None:
    async with house.gate() as door:
        first = await door.call("s_add", a=2, b=3)
    async with house.gate() as door:
        again = await door.call("s_add", a=2, b=3)
        other = await door.call("s_add", call="call-2", a=2, b=3)
    assert again == first
    assert other.id != first.id
    assert len(house.received) == 2


async def test_the_id_of_a_call_depends_on_run_task_attempt_tool_arguments_and_call(
    house: House,
) -> None:
    async with house.gate() as door:
        context = door.context
        replies = [
            await door.call("s_add", a=2, b=3),
            await door.call("s_add", a=2, b=4),
            await door.call("s_add", call="call-2", a=2, b=3),
            await door.call("s_add", context=context.at(task="d1/b"), a=2, b=3),
            await door.call("s_add", context=context.at(task="d1/a", attempt=2), a=2, b=3),
        ]
    ids = {reply.id for reply in replies}
    assert len(ids) == 5
    assert all(len(id) == 14 and id.startswith("c-") for id in ids)


async def test_events_tell_the_steps_of_a_call(house: House) -> None:
    async with house.gate() as door:
        reply = await door.call("s_add", a=2, b=3)
    told = [(event.task, event.tool, event.phase, event.call) for event in house.events]
    assert told == [
        ("d1/a", "s_add", "called", reply.id),
        ("d1/a", "s_add", "answered", reply.id),
    ]
    assert house.events[1].seconds > 0
    assert house.events[1].outcome == "ok"


async def test_without_a_ledger_nothing_is_called(house: House) -> None:
    async with house.gate() as door:
        await break_ledger(house)
        with pytest.raises((LedgerUnavailable, SQLAlchemyError)):
            await door.call("s_add", a=2, b=3)
    assert house.received == []


async def test_calls_run_side_by_side(house: House) -> None:
    async with house.gate() as door:
        replies = await asyncio.gather(
            *(door.call("s_add", call=f"call-{n}", a=n, b=1) for n in range(20))
        )
    assert [reply.data["sum"] for reply in replies] == list(range(1, 21))


async def test_an_error_inside_the_context_comes_out_as_it_was(house: House) -> None:
    with pytest.raises(KeyError, match="mine"):
        async with house.gate():
            raise KeyError("mine")
