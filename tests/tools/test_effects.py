"""Effects: asked first, done at most once, and never repeated on a guess."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest
from sqlalchemy import Connection

from ledger.approvals import Approval
from runtime.labels import Label
from tests.tools.conftest import House, Person, nobody, until
from tools.calls import ToolReply, effect_key
from tools.policy import Policy


class Suspended(Exception):
    """Stands for the exception with which a graph suspends a run."""


async def suspend(question: Approval) -> str:
    raise Suspended(question.id)


async def test_an_effect_is_sent_only_after_a_person_agreed(house: House, base: Policy) -> None:
    person = Person("approved")
    async with house.gate(base) as door:
        reply = await door.call("s_send", ask=person, to="ann")
    assert reply.data == {"done": "send", "with": {"to": "ann"}}
    (question,) = person.asked
    assert (question.run, question.task, question.kind) == ("r1", "d1/a", "effect")
    assert question.question == {
        "tool": "s_send",
        "action": "write",
        "arguments": {"to": "ann"},
        "reason": "This call changes something outside of the run,"
        " and the plan did not foresee it.",
        "specialist": "tester",
        "policies": ["base/unforeseen-asks"],
    }
    kept = await house.ledger.approvals.get(question.id)
    assert kept is not None
    assert (kept.state, kept.answered_by) == ("approved", "ann")
    (row,) = await house.ledger.calls.of_run("r1")
    assert (row.decision, row.outcome) == ("ask", "ok")
    (effect,) = await house.ledger.effects.of_run("r1")
    assert (effect.key, effect.state, effect.result) == (row.effect, "done", row.result)
    assert [event.phase for event in house.events] == ["asked", "called", "answered"]


@pytest.mark.parametrize("says", ["refused", "yes", ""])
async def test_whatever_is_not_a_yes_sends_nothing(house: House, base: Policy, says: str) -> None:
    person = Person(says)
    async with house.gate(base) as door:
        reply = await door.call("s_send", ask=person, to="ann")
        again = await door.call("s_send", call="call-2", ask=nobody, to="ann")
    assert (reply.outcome, again.outcome) == ("refused", "refused")
    assert "nothing was sent" in reply.text
    assert house.received == []
    assert await house.ledger.effects.of_run("r1") == []
    assert [row.outcome for row in await house.ledger.calls.of_run("r1")] == ["refused", "refused"]


async def test_what_ask_raises_passes_through_and_the_answer_is_found_on_return(
    house: House, base: Policy
) -> None:
    async with house.gate(base) as door:
        with pytest.raises(Suspended) as caught:
            await door.call("s_send", ask=suspend, to="ann")
        (row,) = await house.ledger.calls.of_run("r1")
        assert (row.decision, row.outcome) == ("ask", "pending")
    (waiting,) = await house.ledger.approvals.pending("r1")
    assert str(caught.value) == waiting.id
    assert await house.ledger.approvals.answer(waiting.id, "approved", by="bob")
    async with house.gate(base) as door:
        reply = await door.call("s_send", ask=nobody, to="ann")
    assert reply.outcome == "ok"
    assert len(house.received) == 1
    kept = await house.ledger.approvals.get(waiting.id)
    assert kept is not None
    assert kept.answered_by == "bob"


async def test_an_answer_that_was_recorded_meanwhile_counts(house: House, base: Policy) -> None:
    async def late(question: Approval) -> str:
        await house.ledger.approvals.answer(question.id, "refused", by="bob")
        return "approved"

    async with house.gate(base) as door:
        reply = await door.call("s_send", ask=late, to="ann")
    assert reply.outcome == "refused"
    assert house.received == []


async def test_an_approval_of_one_effect_is_none_for_another(house: House, base: Policy) -> None:
    person = Person("approved")
    async with house.gate(base) as door:
        context = door.context
        await door.call("s_send", ask=person, to="ann")
        await door.call("s_send", ask=person, to="bob")
        await door.call("s_send", ask=person, context=context.at(task="d1/b"), to="ann")
    assert len({question.id for question in person.asked}) == 3


async def test_an_effect_asked_for_again_returns_the_record_and_is_not_repeated(
    house: House,
) -> None:
    async with house.gate() as door:
        first = await door.call("s_send", to="ann")
    async with house.gate() as door:
        again = await door.call("s_send", to="ann")
        next_attempt = door.context.at(task="d1/a", attempt=2)
        other = await door.call("s_send", context=next_attempt, call="call-9", to="ann")
    assert again == first
    assert (other.data, other.outcome) == (first.data, "ok")
    assert other.id != first.id
    assert len(house.received) == 1
    rows = await house.ledger.calls.of_run("r1")
    assert [row.outcome for row in rows] == ["ok", "ok"]
    assert rows[1].reason.startswith("It was done before in this task")


async def test_a_done_effect_is_told_even_when_policy_would_now_deny_it(
    house: House, base: Policy
) -> None:
    person = Person("approved")
    async with house.gate(base) as door:
        first = await door.call("s_send", ask=person, to="ann")
        await house.ledger.runs.raise_label("r1", Label.regulated)
        assert await door.call("s_send", to="ann") == first


async def test_the_same_effect_twice_at_once_happens_once(house: House) -> None:
    async with house.gate() as door:
        replies = await asyncio.gather(
            door.call("s_send", call="call-1", to="ann"),
            door.call("s_send", call="call-2", to="ann"),
        )
    assert [reply.outcome for reply in replies] == ["ok", "ok"]
    assert len(house.received) == 1


async def crashed(house: House, tool: str) -> str:
    """An effect that was claimed, and of which nobody recorded the outcome."""
    key = effect_key(house.context, tool, {"to": "ann"})
    claimed = await house.ledger.effects.begin(
        key, run="r1", task="d1/a", tool=tool, arguments={"to": "ann"}
    )
    assert claimed is None
    return key


async def test_after_a_crash_an_effect_of_unknown_outcome_is_left_to_a_person(
    house: House,
) -> None:
    key = await crashed(house, "s_send")
    async with house.gate() as door:
        reply = await door.call("s_send", to="ann")
    assert reply.outcome == "error"
    assert "Whether s_send took effect is not known" in reply.text
    assert "A person has to look" in reply.text
    assert house.received == []
    effect = await house.ledger.effects.get(key)
    assert effect is not None
    assert effect.state == "unknown"


async def test_after_a_crash_a_target_that_takes_our_key_is_called_again(house: House) -> None:
    key = await crashed(house, "s_send_keyed")
    async with house.gate(s=house.scripted(keys={"send_keyed": "key"})) as door:
        assert "key" not in door.gateway.catalogue["s_send_keyed"].schema["properties"]
        reply = await door.call("s_send_keyed", to="ann")
    assert reply.outcome == "ok"
    assert house.received == [{"tool": "send_keyed", "arguments": {"to": "ann", "key": key}}]
    effect = await house.ledger.effects.get(key)
    assert effect is not None
    assert effect.state == "done"


async def test_a_model_cannot_set_the_key(house: House) -> None:
    async with house.gate(s=house.scripted(keys={"send_keyed": "key"})) as door:
        reply = await door.call("s_send_keyed", to="ann", key="mine")
    assert reply.text.startswith("key: is set by the gateway")
    assert house.received == []


@pytest.mark.parametrize("tool", ["s_send_die", "s_send_hang"])
async def test_an_effect_without_an_answer_is_unknown_and_not_repeated(
    house: House, tool: str
) -> None:
    async with house.gate(s=house.scripted(timeout_seconds=0.4)) as door:
        reply = await door.call(tool, to="ann")
        again = await door.call(tool, call="call-2", to="ann")
    assert reply.outcome == ("timeout" if tool == "s_send_hang" else "error")
    assert "is not known" in reply.text
    assert "is not known" in again.text
    assert len(house.received) == 1
    (effect,) = await house.ledger.effects.of_run("r1")
    assert effect.state == "unknown"


async def test_an_effect_that_kills_a_server_which_takes_our_key_is_sent_once_more(
    house: House,
) -> None:
    async with house.gate(s=house.scripted(keys={"send_die_keyed": "key"})) as door:
        reply = await door.call("s_send_die_keyed", to="ann")
    assert reply.outcome == "error"
    assert "its key keeps it from happening twice" in reply.text
    assert len({call["arguments"]["key"] for call in house.received}) == 1
    assert len(house.received) == 2


async def test_an_effect_that_failed_may_be_tried_again(house: House) -> None:
    async with house.gate() as door:
        assert (await door.call("s_send_fail", to="ann")).outcome == "error"
        assert (await door.call("s_send_fail", call="call-2", to="ann")).outcome == "error"
    assert len(house.received) == 2
    (effect,) = await house.ledger.effects.of_run("r1")
    assert effect.state == "failed"


async def test_an_effect_with_an_answer_above_the_cap_is_done(house: House) -> None:
    async with house.gate() as door:
        reply = await door.call("s_send_huge", to="ann")
        again = await door.call("s_send_huge", call="call-2", to="ann")
    assert reply.outcome == "too_large"
    assert again.text == reply.text
    assert len(house.received) == 1
    (effect,) = await house.ledger.effects.of_run("r1")
    assert effect.state == "done"


async def test_a_call_that_waited_for_its_turn_is_decided_by_the_label_of_then(
    house: House, base: Policy
) -> None:
    async with house.gate(base) as door:
        turns = door.gateway._office.effects._turns
        key = effect_key(door.context, "s_send", {"to": "ann"})
        second: list[asyncio.Task[ToolReply]] = []

        async def refuse(question: Approval) -> str:
            again = door.call("s_send", call="call-2", ask=nobody, to="ann")
            second.append(asyncio.create_task(again))
            await until(lambda: bool(turns[key]._waiters))
            await house.ledger.runs.raise_label("r1", Label.regulated)
            return "refused"

        assert (await door.call("s_send", ask=refuse, to="ann")).outcome == "refused"
        reply = await second[0]
    assert reply.outcome == "denied", "the server is cleared for less by then"
    assert house.received == []


async def test_an_effect_costs_the_ledger_no_more_however_much_its_run_has_done(
    house: House,
) -> None:
    steps = 0

    def step() -> int:
        nonlocal steps
        steps += 1
        return 0

    def count(connection: Connection) -> None:
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        # Called with each instruction of SQLite's machine: what is scanned is counted.
        driver.set_progress_handler(step, 1)

    async with house.gate() as door:

        async def cost(number: int) -> int:
            nonlocal steps
            # What was done since is taken in by the first one after it.
            await door.call("s_send", call=f"e{number}-1", to=f"{number}-1")
            steps = 0
            await door.call("s_send", call=f"e{number}-2", to=f"{number}-2")
            return steps

        await house.ledger.calls._database.run(count, atomic=False)
        early = await cost(0)
        for number in range(60):
            await door.call("s_add", call=f"r{number}", a=number, b=1)
            await door.call("s_send", call=f"s{number}", to=f"s{number}")
        late = await cost(1)
    assert early > 100
    assert late < early + 60, "less than one instruction for each call that the run has made"
