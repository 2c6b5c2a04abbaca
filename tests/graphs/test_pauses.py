"""Several tasks wait for a person at once: each answer reaches its own task and no other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from langgraph.types import Command

from graphs.approval import decision_in
from runtime.canonical import Json
from tests.graphs.driver import Driver, Told, driver
from tests.servers.mailbox import Mailbox

pytestmark = pytest.mark.asyncio(loop_scope="module")

TWO_MAILS = """---
name: two-mails
kind: deep
summary: Sends one mail to each of two people and looks a customer up beside it.
intents:
  - name: two-mails
    examples: [Send both mails now, Mail the two of them, Both of them get a mail]
inputs:
  request: {schema: {type: string}}
outputs:
  first: {from: first}
  second: {from: second}
  customer: {from: look, select: name}
  after: {from: after, select: name}
tools: [notify_send_email, crm_get_customer]
approval: effects
plan:
  tasks:
    - &mail
      id: first
      objective: Send an e-mail that says the build is green.
      inputs: {to: {value: anna@example.com}}
      tools: [notify_send_email]
      output: &sent
        type: object
        required: [status, evidence]
        properties:
          status: {type: string}
          evidence: {type: array, minItems: 1, items: {type: string}}
    - id: second
      objective: Send an e-mail that says the build is red.
      inputs: {to: {value: bob@example.com}}
      tools: [notify_send_email]
      output: *sent
    - &look
      id: look
      objective: Look up the customer.
      inputs: {customer_id: {value: 7}}
      tools: [crm_get_customer]
      output: &customer
        type: object
        required: [name, evidence]
        properties:
          name: {type: string}
          evidence: {type: array, minItems: 1, items: {type: string}}
    - id: after
      objective: Look up the customer once the first mail is sent.
      inputs: {customer_id: {value: 8}, status: {from: first, select: status}}
      tools: [crm_get_customer]
      output: *customer
answer:
  - text: "First {a}, second {b}, customer {c}, after {d}."
    values: {a: first.status, b: second.status, c: customer, d: after}
escalation: {to: "team: desk", when: A mail fails.}
owner: "team: desk"
---
Send the mails that the task names, one call each.
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(mailbox: Mailbox, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Driver]:
    home = tmp_path_factory.mktemp("home")
    folder = home / "specialists"
    folder.mkdir()
    (folder / "two-mails.md").write_text(TWO_MAILS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SWITCHYARD_SMTP_HOST", "127.0.0.1")
        patch.setenv("SWITCHYARD_SMTP_PORT", str(mailbox.port))
        patch.setenv("SWITCHYARD_MAIL_FROM", "desk@example.com")
        async with driver(home, specialists=folder) as opened:
            yield opened


def only(addressee: str) -> object:
    def decide(question: Json) -> str:
        to = question["question"]["arguments"]["to"]
        return "approve" if to == addressee else "refuse"

    return decide


async def test_two_questions_come_at_once_and_the_rest_is_finished_by_then(
    desk: Driver,
) -> None:
    told = await desk.ask("Send both mails now", thread="stop")
    run = (await desk.services.ledger.runs.latest(1))[0]
    states = {row.task: row.state for row in await desk.services.ledger.tasks.states(run.id)}
    asked = sorted(one["question"]["arguments"]["to"] for one in told.questions)
    assert asked == ["anna@example.com", "bob@example.com"]
    assert run.status == "paused"
    assert states["d1/look"] == "accepted"
    assert states["d1/first"] == states["d1/second"] == "paused"
    assert "d1/after" not in states
    pending = await desk.services.ledger.approvals.pending(run.id)
    assert sorted(one.task for one in pending) == ["d1/first", "d1/second"]


async def test_each_answer_reaches_its_own_task(desk: Driver, mailbox: Mailbox) -> None:
    before = len(mailbox.messages)
    told = await desk.ask(
        "Send both mails now",
        thread="each",
        decide=only("bob@example.com"),  # type: ignore[arg-type]
    )
    (message,) = mailbox.messages[before:]
    calls = await desk.services.ledger.calls.of_run(told.answer["run"])
    outcomes = {call.arguments["to"]: call.outcome for call in calls if "to" in call.arguments}
    assert message["To"] == "bob@example.com"
    assert outcomes == {"anna@example.com": "refused", "bob@example.com": "ok"}
    assert told.answer["status"] == "incomplete"
    assert any("blocked" in reason for reason in told.answer["missing"])


async def test_a_run_goes_on_after_a_restart_without_redoing_what_was_accepted(
    mailbox: Mailbox, desk: Driver, tmp_path: Path
) -> None:
    folder = desk.services.settings.specialists
    before = len(mailbox.messages)
    async with driver(tmp_path, specialists=folder) as first:
        told = await first.ask("Send both mails now", thread="again")
        run = (await first.services.ledger.runs.latest(1))[0].id
        made = await first.services.ledger.spend.total(run, "d1/look")
    assert len(told.questions) == 2, told.message
    async with driver(tmp_path, specialists=folder) as second:
        resumed = await resume_all(second, "again", "approve")
        after = await second.services.ledger.spend.total(run, "d1/look")
        history = await second.services.ledger.tasks.history(run)
    sent = sorted(message["To"] for message in mailbox.messages[before:])
    assert sent == ["anna@example.com", "bob@example.com"]
    assert resumed.answer["status"] == "done", resumed.message
    assert after == made
    assert [row.state for row in history if row.task == "d1/look"] == ["running", "accepted"]


async def resume_all(driver: Driver, thread: str, decision: str) -> Told:
    config: Json = {"configurable": {"thread_id": thread}}
    state = await driver.graph.aget_state(config)
    answers = {
        one.id: {"approval": one.value["approval"], "decision": decision}
        for one in state.interrupts
    }
    told = Told()
    ended = await driver.graph.ainvoke(Command(resume=answers), config)  # type: ignore[call-overload]
    told.answer, told.message = ended["answer"], ended["messages"][-1].text
    return told


async def test_an_answer_to_another_question_is_not_an_answer() -> None:
    assert decision_in({"approval": "a-1", "decision": "approve"}, "a-2") is None
    assert decision_in({"approval": "a-1", "decision": "perhaps"}, "a-1") is None
    assert decision_in({"approval": "a-1", "decision": "approve"}, "a-1") == "approved"
    assert decision_in("approve", "a-1") is None
    assert decision_in({"approval": "a-1", "decision": "no"}, "a-1") == "refused"
