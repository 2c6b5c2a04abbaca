"""Inputs that strangers wrote, as far as a request or a parent's plan says them."""

from __future__ import annotations

from agents.intake import strange_inputs
from agents.registry import load_registry
from agents.spec import Specialist, SpecInput
from runtime.canonical import Json
from runtime.settings import ROOT

REQUEST = "Answer ticket T-17 from Bob <bob@evil.example>"


def with_inputs(untrusted: tuple[str, ...], **inputs: Json) -> Specialist:
    fine = load_registry(ROOT / "agents" / "specialists").require("notify")
    declared = {name: SpecInput.model_validate(one) for name, one in inputs.items()}
    return fine.model_copy(update={"untrusted": untrusted, "inputs": declared})


def test_what_a_pattern_finds_is_strange_and_the_rest_is_not() -> None:
    sender = {"schema": {"type": "string"}, "match": r"<(\S+)>"}
    ticket = {"schema": {"type": "string"}, "match": r"T-\d+"}
    one = with_inputs(("sender",), sender=sender, ticket=ticket)
    assert strange_inputs(one, REQUEST) == ("bob@evil.example",)
    assert strange_inputs(one, "Answer ticket T-17") == ()


def test_a_request_that_is_wholly_a_strangers_is_strange_as_a_whole() -> None:
    one = with_inputs(("mail",), mail={"schema": {"type": "string"}})
    assert strange_inputs(one, REQUEST) == (REQUEST,)


def test_what_a_parent_hands_over_is_strange_with_all_its_texts() -> None:
    one = with_inputs(("mails",), mails={"schema": {"type": "array"}, "match": "T"})
    given: Json = {"mails": [{"from": "a", "lines": ["b", 3, None]}]}
    assert strange_inputs(one, REQUEST, given) == ("a", "b")


def test_results_of_other_dispatches_are_known_by_where_they_were_read() -> None:
    one = with_inputs(("found",), found={"schema": {"type": "object"}, "given": "upstream"})
    assert strange_inputs(one, REQUEST) == ()
