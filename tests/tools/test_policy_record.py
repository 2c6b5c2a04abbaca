"""Decisions through the gateway: on real arguments, and recorded so as to be made again."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest

from app.policy_recorded import replay
from app.questions import in_lines
from ledger.budget import Amount
from ledger.calls import ToolCall
from runtime.labels import Label
from tests.tools.conftest import House, Person
from tools.approval import question_of
from tools.asked import AskedRecord, asked_again
from tools.catalogue import ToolEntry
from tools.entities import clock
from tools.policy import Decision, Policy, parse_policy
from tools.provenance import ArgumentOrigin, Provenance

OPEN = '@id("all") permit (principal, action, resource) when { context.declared };'
NOBODY_THERE = (
    OPEN + '@id("not-evil") @reason("Not to them.") forbid (principal, action,'
    ' resource == Tool::"s_send") when { context.args has to && context.args.to like "*.evil" };'
)


async def test_a_call_whose_argument_is_forbidden_never_reaches_the_server(house: House) -> None:
    async with house.gate(NOBODY_THERE) as door:
        denied = await door.call("s_send", to="ann@some.evil", call="one")
        sent = await door.call("s_send", to="ann@good.example", call="two")
    assert (denied.outcome, "Not to them." in denied.text, sent.outcome) == ("denied", True, "ok")
    assert len(house.received) == 1
    first, second = await house.ledger.calls.of_run("r1")
    assert (first.decision, first.policies) == ("deny", ["not-evil"])
    assert second.decision == "allow"


async def test_a_recorded_decision_can_be_made_again(house: House, base: Policy) -> None:
    before = time.time()
    async with house.gate(base) as door:
        await door.call("s_send", ask=Person("refused"), to="ann", call="one")
        await door.call("s_nonsense", call="two")
        await door.call("s_send", to=5, call="three")
    rows = await house.ledger.calls.latest(10)
    asked = [row for row in rows if row.asked]
    assert [row.tool for row in asked] == ["s_send"]
    assert AskedRecord.model_validate(asked[0].asked).model_dump(mode="json") == asked[0].asked
    found = asked_again(asked[0])
    assert found is not None
    question, verdict = found
    assert (question.tool, question.action, question.declared) == ("s_send", "write", True)
    assert (question.kinds, question.arguments) == ({"to": "String"}, {"to": "ann"})
    assert (question.hour, question.weekday) in {clock(before), clock(time.time())}
    assert base.decide(question).verdict == verdict == asked[0].decision == "ask"
    replayed = replay(base, rows)
    assert (len(replayed.again), replayed.undecided, replayed.differing) == (1, 2, ())


async def test_a_change_of_rules_shows_as_a_change_of_verdicts(house: House) -> None:
    async with house.gate(OPEN) as door:
        await door.call("s_send", to="ann@some.evil", call="one")
        await door.call("s_send", to="ann@good.example", call="two")
    rows = await house.ledger.calls.latest(10)
    (one,) = replay(parse_policy(NOBODY_THERE), rows).differing
    assert (one.before, one.decision.verdict, one.decision.policies, one.hidden) == (
        "allow",
        "deny",
        ("not-evil",),
        (),
    )


async def test_no_secret_stands_in_what_a_decision_was_made_from(house: House) -> None:
    async with house.gate(OPEN) as door:
        await door.call("s_send", to="password=hunter2-hunter2")
    (row,) = await house.ledger.calls.latest(1)
    assert "hunter2" not in json.dumps(row.asked)
    assert "hunter2" not in json.dumps(row.arguments)
    (one,) = replay(parse_policy(NOBODY_THERE), [row]).again
    assert one.hidden == ("to",)


async def test_a_record_of_another_form_is_told_not_guessed(house: House) -> None:
    async with house.gate(OPEN) as door:
        await door.call("s_send", to="ann")
    (row,) = await house.ledger.calls.latest(1)
    later: ToolCall = replace(row, asked={**row.asked, "version": 2})
    found = replay(parse_policy(OPEN), [later])
    assert (found.again, found.unreadable) == ((), (row.id,))


async def test_the_spend_is_looked_up_where_a_rule_looks_at_it(house: House) -> None:
    rule = '@id("dear") forbid (principal, action, resource) when { context.spent_share >= 50 };'
    await house.ledger.budgets.open("r1", 10.0)
    async with house.gate(OPEN + rule) as door:
        assert (await door.call("s_send", to="ann", call="one")).outcome == "ok"
        await house.ledger.budgets.reserve(["r1"], Amount(dollars=6.0))
        assert (await door.call("s_send", to="bob", call="two")).outcome == "denied"


async def test_a_specialist_that_wants_a_person_gets_one_for_a_foreseen_effect(
    house: House, base: Policy
) -> None:
    async with house.gate(base) as door:
        foreseen = replace(door.context, foreseen=frozenset({"s_send"}))
        person = Person("refused")
        wanted = replace(foreseen, asks_effects=True)
        refused = await door.call("s_send", context=wanted, to="bob", call="one", ask=person)
        free = await door.call("s_send", context=foreseen, to="ann", call="two")
    assert (free.outcome, refused.outcome) == ("ok", "refused")
    assert person.asked[0].question["policies"] == ["base/effect-asks"]
    assert len(house.received) == 1


@pytest.fixture
def pay() -> ToolEntry:
    return ToolEntry(
        name="bank_pay",
        server="bank",
        remote="pay",
        description="",
        schema={},
        action="pay",
        label=Label.public,
        cleared_for=Label.public,
        untrusted=False,
    )


def test_a_person_sees_what_comes_from_strangers_and_from_where(
    house: House, pay: ToolEntry
) -> None:
    provenance = Provenance(
        tainted=True,
        taint="mail_read (c-1)",
        arguments=(
            ArgumentOrigin(name="amount", origin="request", shown="5", source="the request"),
            ArgumentOrigin(name="note", origin="trusted", shown="rent", source="bank_list (c-2)"),
            ArgumentOrigin(
                name="to", origin="untrusted", shown="EV\u202eIL\x1b[2J", source="mail_read (c-1)"
            ),
        ),
    )
    decision = Decision(verdict="ask", policies=("p",), reason="Because.")
    arguments = {"to": "EV\u202eIL\x1b[2J", "amount": 5}
    question = question_of(pay, dict(arguments), decision, house.context, provenance)
    assert [(one["argument"], one["origin"]) for one in question["offending"]] == [
        ("to", "text that strangers may have written"),
        ("note", "a trusted field of a record that the request does not name"),
    ]
    lines = in_lines("effect", "d1/a", question)
    assert "  to = EV\\u202eIL\\x1b[2J: from text that strangers may have written" in lines[-3]
    assert "mail_read (c-1)" in lines[-3]
    assert not any(sign in line for line in lines for sign in "\u202e\x1b")
    clean = question_of(pay, {"amount": 5}, decision, house.context)
    assert "offending" not in clean
