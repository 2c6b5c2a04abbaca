"""What happens while a call is under way: progress, questions of the server, links, the cache."""

from __future__ import annotations

import asyncio

import pytest

from ledger.approvals import Approval
from runtime.canonical import Json
from tests.tools.conftest import SERVERS, TERMS, House, Person, until
from tools.elicitation import Filled, Form, Progress, fitting


class Pause(Exception):
    """What a graph raises to suspend a run."""


async def suspend(question: Approval) -> str:
    raise Pause(question.id)


class Fills:
    """A person who fills a form in."""

    def __init__(self, content: Json) -> None:
        self.content = content
        self.asked: list[Approval] = []

    async def __call__(self, question: Approval) -> Filled:
        self.asked.append(question)
        return Filled(content=self.content)


async def test_progress_of_a_tool_reaches_the_live_view_and_a_flood_of_it_does_not(
    house: House,
) -> None:
    async with house.gate() as door:
        assert (await door.call("s_steps", count=3_000)).text == "all steps"
    told = [event for event in house.events if event.phase == "progress"]
    assert told[0].share == pytest.approx(1 / 3_000)
    assert told[0].message == "step 1", "without its invisible characters"
    assert 1 <= len(told) < 30


@pytest.mark.parametrize(
    ("done", "total", "share"),
    [
        (1.0, 4.0, 0.25),
        (9.0, 4.0, 1.0),
        (-1.0, 4.0, 0.0),
        (1.0, None, None),
        (1.0, 0.0, None),
        (float("nan"), 1.0, None),
        (1.0, float("inf"), None),
    ],
)
def test_a_share_of_progress_is_a_figure_whatever_a_server_says(
    done: float, total: float | None, share: float | None
) -> None:
    assert Progress(done=done, total=total, message="").share == share


async def test_a_question_of_a_server_is_put_as_an_approval_of_its_own_kind(house: House) -> None:
    person = Fills({"count": 5, "why": "asked"})
    async with house.gate() as door:
        reply = await door.call("s_wish", ask=person)
    assert reply.data["said"] == {"action": "accept", "content": {"count": 5, "why": "asked"}}
    (question,) = person.asked
    assert (question.kind, question.task) == ("elicitation", "d1/a")
    assert question.question["message"] == "How many?"
    assert question.question["form"]["required"] == ["count"]
    (kept,) = await house.ledger.approvals.of_run("r1")
    assert (kept.state, kept.answered_by) == ("approved", "ann")


@pytest.mark.parametrize(
    ("says", "sent"),
    [
        ("approved", {"action": "accept", "content": {"count": 3}}),
        ("refused", {"action": "decline"}),
    ],
)
async def test_a_yes_takes_the_defaults_of_the_server_and_a_no_declines(
    house: House, says: str, sent: Json
) -> None:
    async with house.gate() as door:
        reply = await door.call("s_wish", ask=Person(says))
    assert reply.data["said"] == sent


async def test_a_question_suspends_the_run_and_its_answer_is_found_by_the_same_call(
    house: House,
) -> None:
    person = Fills({"count": 7})
    async with house.gate() as door:
        with pytest.raises(Pause):
            await door.call("s_send_wish", ask=suspend, to="a")
        (effect,) = await house.ledger.effects.of_run("r1")
        assert effect.state == "failed", "the server was told to leave it"
        again = await door.call("s_send_wish", ask=person, to="a")
        assert (await door.call("s_say", call="on", text="on")).text == "on"
    assert again.data["said"]["content"] == {"count": 7}
    assert len(house.started) == 1, "the server lives on"
    assert len(await house.ledger.approvals.of_run("r1")) == 1


async def test_the_deadline_of_a_call_rests_while_a_person_thinks(house: House) -> None:
    async def thinks(question: Approval) -> str:
        await asyncio.sleep(0.8)
        return "approved"

    async with house.gate(s=house.scripted(timeout_seconds=0.4)) as door:
        reply = await door.call("s_wish", ask=thinks)
    assert reply.outcome == "ok"


async def test_no_other_call_is_sent_while_a_server_waits_for_a_person(house: House) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def thinks(question: Approval) -> str:
        asked.set()
        await go_on.wait()
        return "approved"

    async with house.gate() as door, asyncio.timeout(10):
        first = asyncio.create_task(door.call("s_wish", ask=thinks))
        await asked.wait()
        beside = await door.call("s_say", call="2", text="x")
        go_on.set()
        assert (await first).outcome == "ok"
    assert "waits for a person's answer to another call" in beside.text
    assert [call["tool"] for call in house.received] == ["wish"]


async def test_with_two_calls_under_way_nobody_is_asked_for_the_wrong_one(house: House) -> None:
    person = Person("approved")
    program = {"command": "${PYTHON}", "args": [str(SERVERS / "plain.py")]}
    async with house.gate(p=program | {"switchyard": TERMS | {"timeout_seconds": 2}}) as door:
        slow = asyncio.create_task(door.call("p_drip", ask=person))
        await until(lambda: any(event.phase == "progress" for event in house.events))
        reply = await door.call("p_wish", call="2", ask=person)
        assert (await slow).outcome == "timeout"
    assert (reply.text, person.asked) == ("decline", [])


@pytest.mark.parametrize(
    ("content", "sent"),
    [
        ({"a": "x"}, {"a": "x", "b": 2}),
        ({"a": "x", "b": 3}, {"a": "x", "b": 3}),
        ({"b": 3}, None),
        ({"a": 1}, None),
        ({"a": "x", "c": 1}, None),
        (None, None),
    ],
)
def test_only_an_answer_that_fits_the_form_is_sent(content: Json, sent: Json) -> None:
    fields = {"a": {"type": "string"}, "b": {"type": "integer", "default": 2}}
    form = Form(message="?", schema={"type": "object", "properties": fields, "required": ["a"]})
    assert fitting(form, content) == sent


async def test_a_link_is_shown_and_never_fetched(house: House) -> None:
    hits: list[bytes] = []

    async def hit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hits.append(await reader.read(10))
        writer.close()

    server = await asyncio.start_server(hit, "127.0.0.1", 0)
    async with server, house.gate() as door:
        reply = await door.call("s_link")
    assert reply.text == "[resource report: http://127.0.0.1:9/report]"
    assert hits == []


async def test_the_same_read_of_a_run_is_answered_from_the_record_until_an_effect(
    house: House,
) -> None:
    async with house.gate(s=house.scripted(cache_reads=True)) as door:
        first = await door.call("s_add", call="1", a=1, b=2)
        again = await door.call("s_add", call="2", a=1, b=2)
        third = await door.call("s_add", call="3", a=1, b=2)
        await door.call("s_add", call="4", a=2, b=2)
        assert len(house.received) == 2
        await door.call("s_send", call="5", to="x")
        fresh = await door.call("s_add", call="6", a=1, b=2)
    assert first.text == fresh.text == '{"sum":3}'
    assert again.data == {"sum": 3}
    told = f"[The result of call {first.id} of this run; nothing was sent again.]"
    assert again.text == third.text == f'{{"sum":3}}\n{told}'
    assert [call["tool"] for call in house.received] == ["add", "add", "send", "add"]
    rows = await house.ledger.calls.of_run("r1")
    assert [row.outcome for row in rows] == ["ok"] * 6, "each call stands in the audit"


async def test_without_the_term_every_read_is_sent(house: House) -> None:
    async with house.gate() as door:
        for number in range(3):
            await door.call("s_add", call=f"{number}", a=1, b=2)
    assert len(house.received) == 3


async def test_a_read_that_failed_is_not_answered_from_the_record(house: House) -> None:
    async with house.gate(s=house.scripted(cache_reads=True)) as door:
        for number in range(2):
            assert (await door.call("s_fail", call=f"{number}")).outcome == "error"
    assert len(house.received) == 2
