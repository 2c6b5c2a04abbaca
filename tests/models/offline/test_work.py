"""A worker's turns: which tools are called, with what, when it stops, and what it delivers."""

from __future__ import annotations

import json

from models.offline.prose import DISCLAIMER
from models.offline.turns import answer
from tests.models.offline.asking import (
    IDS,
    TEXT,
    WHOLE,
    brief,
    gives,
    list_of,
    object_of,
    tool,
    work,
)

CUSTOMER = {"id": 42, "name": "Ada Lovelace", "salutation": "Ms", "email": "ada@example.org"}
ORDERS = [
    {"id": 1, "status": "delivered", "placed_at": "2026-01-02"},
    {"id": 2, "status": "shipped", "placed_at": "2026-03-02"},
]
GET = (
    tool("crm_get_customer", "One customer by number.", "customer_id", customer_id=WHOLE),
    gives(CUSTOMER),
)
FIND = (
    tool(
        "crm_find_customers",
        "Search customers.",
        "query",
        query={"type": "string", "description": "Words of the name or city."},
    ),
    lambda query: {"query": query, "customers": [CUSTOMER]},
)
LIST = (
    tool(
        "crm_list_orders",
        "The orders of a customer with status and date.",
        "customer_id",
        customer_id=WHOLE,
        status={"type": "string", "enum": ["open", "shipped", "delivered"]},
    ),
    gives({"orders": ORDERS}),
)
CRM = {"crm_get_customer": GET, "crm_find_customers": FIND, "crm_list_orders": LIST}
MAIL = {
    "notify_send_email": (
        tool(
            "notify_send_email",
            "Send an e-mail.",
            "to",
            "subject",
            "body",
            to={"type": "string", "format": "email"},
            subject=TEXT,
            body=TEXT,
        ),
        gives({"id": 7, "status": "queued"}),
    )
}


def test_each_clause_is_served_by_the_tool_that_fits_it() -> None:
    output = object_of(customer_name=TEXT, order_status=TEXT, evidence=IDS)
    done = work(brief("Look up customer 42 and the status of her last order."), CRM, output)
    assert sorted(done.calls) == [
        ("crm_get_customer", {"customer_id": 42}),
        ("crm_list_orders", {"customer_id": 42}),
    ]
    assert done.delivered["customer_name"] == "Ada Lovelace"
    assert done.delivered["order_status"] == "shipped", "of the last order, not of the first"
    assert sorted(done.delivered["evidence"]) == ["ev-1", "ev-2"]


def test_the_work_ends_as_soon_as_the_result_can_be_filled() -> None:
    done = work(brief("Look up customer 42"), CRM, object_of(email=TEXT, evidence=IDS))
    assert done.calls == [("crm_get_customer", {"customer_id": 42})]
    assert done.delivered == {"email": "ada@example.org", "evidence": ["ev-1"]}


def test_a_look_up_by_name_asks_for_the_name_alone() -> None:
    done = work(brief("Find the customer Ada Lovelace"), CRM, object_of(id=WHOLE, evidence=IDS))
    assert done.calls == [("crm_find_customers", {"query": "Ada Lovelace"})]
    assert done.delivered["id"] == 42


def test_an_optional_argument_is_given_only_if_it_was_said() -> None:
    output = object_of(orders=list_of(object_of(id=WHOLE, status=TEXT)), evidence=IDS)
    said = work(brief("List the shipped orders of customer 42"), CRM, output)
    unsaid = work(brief("List the orders of customer 42"), CRM, output)
    assert said.calls[0] == ("crm_list_orders", {"customer_id": 42, "status": "shipped"})
    assert unsaid.calls[0] == ("crm_list_orders", {"customer_id": 42})


def test_a_number_of_something_else_is_not_taken() -> None:
    ticket = (
        tool("crm_get_ticket", "One ticket by number.", "ticket_id", ticket_id=WHOLE),
        gives({}),
    )
    done = work(
        brief("Which tickets does customer 9 have?"),
        {"crm_get_ticket": ticket},
        object_of(answer=TEXT),
    )
    assert done.calls == []


def test_a_list_that_is_too_long_for_one_call_is_cut_into_chunks() -> None:
    names = [f"package-{number}" for number in range(7)]
    licences = (
        tool(
            "packages_get_licences",
            "Licences of packages.",
            "names",
            names=list_of(TEXT, maxItems=3),
        ),
        lambda names: {"packages": [{"name": name, "licence": f"L-{name}"} for name in names]},
    )
    item = object_of(name=TEXT, licence=TEXT, evidence=IDS)
    done = work(
        brief("Get the licences of these packages.", {"names": names}),
        {"packages_get_licences": licences},
        object_of(findings=list_of(item)),
    )
    assert [len(call["names"]) for call in done.called("packages_get_licences")] == [3, 3, 1]
    assert [row["name"] for row in done.delivered["findings"]] == names
    assert [row["evidence"] for row in done.delivered["findings"]] == (
        [["ev-1"]] * 3 + [["ev-2"]] * 3 + [["ev-3"]]
    ), "each row rests on the very call that brought it"


def test_a_failed_call_is_not_repeated_and_is_told() -> None:
    refuses = {"crm_get_customer": (GET[0], gives(LookupError("There is no customer 42.")))}
    done = work(brief("Look up customer 42"), refuses, object_of(answer=TEXT))
    assert len(done.calls) == 1
    assert "not carried out" in done.delivered["answer"]
    assert "no customer 42" in done.delivered["answer"]


def test_a_message_is_written_from_the_facts_and_sent_once() -> None:
    given = {"customers": [CUSTOMER], "orders": ORDERS}
    done = work(brief("e-mail her the status of her last order", {"upstream": given}), MAIL)
    (sent,) = done.called("notify_send_email")
    assert sent["to"] == "ada@example.org"
    assert sent["subject"] == "Status of her last order"
    assert sent["body"] == "Dear Ms Lovelace,\n\nThe status of order 2 is shipped."
    assert done.text.endswith(DISCLAIMER)


def test_what_a_search_returned_is_not_read_again() -> None:
    passage = {"path": "a.md", "start_line": 3, "end_line": 3, "text": "Denied calls are rows."}
    documents = {
        "documents_search": (
            tool("documents_search", "Search documents for passages.", "query", query=TEXT),
            gives({"passages": [passage]}),
        ),
        "documents_read": (
            tool(
                "documents_read",
                "Read lines of a document.",
                "path",
                path=TEXT,
                start_line=WHOLE,
                end_line=WHOLE,
            ),
            gives(passage),
        ),
    }
    question = "How are denied calls kept in documents?"
    output = object_of(passages=list_of(object_of(path=TEXT, text=TEXT)), evidence=IDS)
    done = work(brief("Answer the question.", {"question": question}), documents, output)
    assert done.calls == [("documents_search", {"query": question})]
    asked = brief("Read the document that answers.", {"question": question, "passages": [passage]})
    again = work(asked, documents, output)
    assert ("documents_read", {"path": "a.md"}) in again.calls


def test_a_forced_tool_is_called_at_once() -> None:
    messages = [{"role": "user", "content": brief("Look up customer 42")}]
    forced = {"type": "function", "function": {"name": "crm_get_customer"}}
    reply = answer(messages, {"tools": [GET[0], LIST[0]], "tool_choice": forced})
    assert [call.name for call in reply.calls] == ["crm_get_customer"]


def test_the_same_request_has_the_same_answer_and_another_has_other_ids() -> None:
    tools = {"tools": [spec for spec, _ in CRM.values()]}
    one = answer([{"role": "user", "content": "Look up customer 42"}], tools)
    two = answer([{"role": "user", "content": "Look up customer 42"}], tools)
    three = answer([{"role": "user", "content": "Look up customer 43"}], tools)
    assert one == two
    assert one.calls[0].id != three.calls[0].id


def test_the_second_request_of_a_chat_is_answered_not_the_first() -> None:
    history = [
        {"role": "user", "content": "Look up customer 42"},
        {"role": "assistant", "content": "Customer 42: Ada."},
        {"role": "user", "content": "List the orders of customer 7"},
    ]
    reply = answer(history, {"tools": [spec for spec, _ in CRM.values()]})
    assert [(call.name, json.loads(call.arguments)) for call in reply.calls] == [
        ("crm_list_orders", {"customer_id": 7})
    ]


def test_free_text_is_extracted_and_says_so() -> None:
    given = {"notes": ["The sky is blue on clear days.", "Grass is green in early summer."]}
    reply = answer([{"role": "user", "content": brief("What colour is the sky?", given)}], {})
    assert reply.text == f"The sky is blue on clear days. {DISCLAIMER}"


def test_nothing_at_hand_is_said_plainly() -> None:
    reply = answer([{"role": "user", "content": "What is the answer to everything?"}], {})
    assert reply.text == f"Nothing that was given answers this. {DISCLAIMER}"
