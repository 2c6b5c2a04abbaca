"""The clarifying question tells its options apart, and short answers to it are understood."""

from __future__ import annotations

import pytest

from agents.registry import Registry, load_registry
from agents.routing.clarify import Asked, ask, chosen
from agents.routing.decision import Candidate
from agents.routing.examples import nearest_example, telling_words
from runtime.settings import ROOT


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_registry(ROOT / "agents" / "specialists")


def candidates(*shares: tuple[str, float]) -> list[Candidate]:
    return [Candidate(specialist=name, probability=share) for name, share in shares]


def test_the_question_shows_what_tells_the_options_apart(registry: Registry) -> None:
    text = "the status of that order by mail"
    asked = ask(text, candidates(("crm-lookup", 0.4), ("notify", 0.3), ("general", 0.1)), registry)
    assert asked.options == ("crm-lookup", "notify")
    assert asked.question.splitlines() == [
        "What do you want?",
        "1. crm-lookup: Looks up customers, their orders and support tickets in the CRM."
        " For example: “What is the status of order 10020?”",
        "2. notify: Sends an e-mail or a webhook message, after a person has approved it."
        " For example: “E-mail her the status of the order”",
        "Answer with a number, a name, or in your own words.",
    ]


def test_a_third_option_is_offered_when_it_is_nearly_as_probable(registry: Registry) -> None:
    near = candidates(("crm-lookup", 0.4), ("notify", 0.2), ("general", 0.15), ("x", 0.1))
    assert ask("do it", near, registry).options == ("crm-lookup", "notify", "general")


@pytest.mark.parametrize(
    ("answer", "specialist"),
    [
        ("1", "crm-lookup"),
        ("the first", "crm-lookup"),
        ("The first one, please", "crm-lookup"),
        ("2.", "notify"),
        ("b)", "notify"),
        ("I want the second option", "notify"),
        ("the latter", "notify"),
        ("the former", "crm-lookup"),
        ("one", "crm-lookup"),
        ("crm", "crm-lookup"),
        ("CRM lookup", "crm-lookup"),
        ("notify!", "notify"),
        ("@noti", "notify"),
    ],
)
def test_a_number_or_a_name_chooses_and_adds_nothing_to_the_request(
    registry: Registry, answer: str, specialist: str
) -> None:
    asked = Asked(text="do it", question="?", options=("crm-lookup", "notify"), answer=answer)
    found = chosen(asked, registry)
    assert found is not None
    assert (found.specialist, found.text) == (specialist, "do it")


@pytest.mark.parametrize(
    ("answer", "specialist"),
    [
        ("look up the tickets", "crm-lookup"),
        ("an e-mail to anna", "notify"),
        ("the webhook", "notify"),
        ("customers", "crm-lookup"),
    ],
)
def test_words_that_only_one_option_has_choose_it_and_stay_in_the_request(
    registry: Registry, answer: str, specialist: str
) -> None:
    asked = Asked(text="do it", question="?", options=("crm-lookup", "notify"), answer=answer)
    found = chosen(asked, registry)
    assert found is not None
    assert (found.specialist, found.text) == (specialist, f"do it\n\n{answer}")


@pytest.mark.parametrize(
    "answer",
    [
        "hm",
        "the third",
        "either",
        "the ticket by webhook",
        "I would rather have you look into what happened in the outage of last week",
        "yes",
    ],
)
def test_an_answer_that_is_no_choice_settles_nothing(registry: Registry, answer: str) -> None:
    asked = Asked(text="do it", question="?", options=("crm-lookup", "notify"), answer=answer)
    assert chosen(asked, registry) is None


@pytest.mark.parametrize("answer", ["neither", "None of them!", "something else", "no"])
def test_none_of_them_is_understood(registry: Registry, answer: str) -> None:
    asked = Asked(text="do it", question="?", options=("crm-lookup", "notify"), answer=answer)
    found = chosen(asked, registry)
    assert found is not None
    assert found.specialist == ""


def test_no_but_the_second_is_not_a_no(registry: Registry) -> None:
    asked = Asked(text="x", question="?", options=("crm-lookup", "notify"), answer="no, an e-mail")
    found = chosen(asked, registry)
    assert found is not None
    assert found.specialist == "notify"


def test_telling_words_are_those_that_no_other_has(registry: Registry) -> None:
    others = [registry["crm-lookup"]]
    summary = telling_words(registry["notify"], others, examples=False)
    whole = telling_words(registry["notify"], others, examples=True)
    assert {"webhook", "mail"} <= summary
    assert "webhook" in whole
    # An example of the other one asks for the e-mail address of a customer.
    assert "mail" not in whole


def test_the_nearest_example_is_of_the_named_intent(registry: Registry) -> None:
    text = "status of order 7"
    assert nearest_example(registry["crm-lookup"], text) == "What is the status of order 10020?"
    assert "ticket" in nearest_example(registry["crm-lookup"], text, "ticket-lookup")
