"""Routing without a model: addresses decide, and examples when they are sure."""

from __future__ import annotations

import pytest

from agents.registry import Registry, load_registry
from agents.routing.encoding import LAYERS
from agents.routing.local import LocalClassifier
from agents.routing.rule import by_rule
from agents.routing.settings import load_routing
from agents.routing.split import by_examples
from models.encoder import open_encoder
from runtime.errors import RequestError
from runtime.settings import ROOT

ROUTING = load_routing(ROOT / "config" / "routing.yaml")


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_registry(ROOT / "agents" / "specialists")


@pytest.fixture(scope="module")
def classifier(registry: Registry) -> LocalClassifier:
    return LocalClassifier(registry.values(), open_encoder(layers=LAYERS))


def test_an_address_decides_and_is_taken_off_the_request(registry: Registry) -> None:
    route = by_rule("@crm-lookup: who is customer 3?", registry)
    assert route is not None
    assert (route.stage, route.dispatches[0].specialist) == ("rule", "crm-lookup")
    assert route.dispatches[0].text == "who is customer 3?"


def test_the_callers_hint_decides(registry: Registry) -> None:
    route = by_rule("anything at all", registry, hint="notify")
    assert route is not None
    assert [(one.specialist, one.text) for one in route.dispatches] == [
        ("notify", "anything at all")
    ]


def test_an_unknown_address_lists_those_there_are(registry: Registry) -> None:
    with pytest.raises(RequestError, match="crm-lookup, document-research") as caught:
        by_rule("@nobody hello", registry)
    assert (caught.value.field, caught.value.value) == ("specialist", "nobody")


def test_without_an_address_no_rule_applies(registry: Registry) -> None:
    assert by_rule("mail anna@example.com the result", registry) is None


@pytest.mark.parametrize(
    ("text", "specialist"),
    [
        ("Show me the record of customer 301", "crm-lookup"),
        ("what's the status of order 10044", "crm-lookup"),
        ("please send an email to bob@example.org", "notify"),
        ("How are tool calls decided on, according to the docs?", "document-research"),
        ("which of our dependencies are under the GPL licence?", "licence-review"),
        ("what happened during incident INC-2026-014", "incident-review"),
    ],
)
def test_a_request_near_the_examples_is_sure(
    classifier: LocalClassifier, text: str, specialist: str
) -> None:
    route = by_examples(text, classifier, ROUTING)
    assert route is not None
    assert [one.specialist for one in route.dispatches] == [specialist]
    assert route.stage == "local"


@pytest.mark.parametrize("text", ["What's the weather in Paris?", "42", "zzz qqq", "tell me more"])
def test_a_request_far_from_every_example_is_not_sure(
    classifier: LocalClassifier, text: str
) -> None:
    assert by_examples(text, classifier, ROUTING) is None


def test_the_same_request_gets_the_same_shares(registry: Registry) -> None:
    first, second = (LocalClassifier(registry.values()) for _ in range(2))
    text = "tell me about the order and the ticket"
    assert first.score(text) == second.score(text)
    assert sum(one.probability for one in first.score(text).candidates) <= 1.0001
