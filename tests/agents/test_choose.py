"""The model stage: a forced choice from the short list, in a prompt that does not grow."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.prompts import render
from agents.registry import Registry, load_registry
from agents.routing.choose import by_model, prompt_for, taken
from agents.routing.decision import Candidate
from runtime.canonical import Json
from runtime.settings import ROOT
from tests.models.door import CONTEXT, on, room
from tests.provider import Exchange, Reply, ScriptedProvider, ToolCall, Usage
from tests.provider.faults import HttpError

SHORT = (
    Candidate(specialist="crm-lookup", intent="order-status", probability=0.4),
    Candidate(specialist="notify", probability=0.3),
)
TEXT = "the status of order 10044 by mail"


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_registry(ROOT / "agents" / "specialists")


class Says:
    """Answers each routing turn with these arguments, and keeps what it was asked."""

    def __init__(self, said: Json | HttpError) -> None:
        self._said = said
        self.asked: list[Exchange] = []

    def reply(self, exchange: Exchange) -> Reply | HttpError:
        self.asked.append(exchange)
        if isinstance(self._said, HttpError):
            return self._said
        call = ToolCall(name="choose", arguments=self._said)
        return Reply(tool_calls=(call,), usage=Usage(prompt=200, completion=11))


def test_the_prompt_is_the_request_and_one_line_for_each_candidate(registry: Registry) -> None:
    system, human = prompt_for(TEXT, SHORT, registry)
    assert system.content == render("route")
    assert human.content == (
        "## Request\n"
        "the status of order 10044 by mail\n\n"
        "## Specialists\n"
        "- crm-lookup: Looks up customers, their orders and support tickets in the CRM."
        " E.g. What is the status of order 10020?\n"
        "- notify: Sends an e-mail or a webhook message, after a person has approved it."
        " E.g. E-mail her the status of the order"
    )


def test_the_prompt_is_the_same_with_six_and_with_a_thousand_specialists(
    registry: Registry,
) -> None:
    one = registry["crm-lookup"]
    many = {f"s{n}": one.model_copy(update={"name": f"s{n}"}) for n in range(1000)}
    assert prompt_for(TEXT, SHORT, {**many, **registry}) == prompt_for(TEXT, SHORT, registry)


def test_a_long_request_is_shown_by_its_ends(registry: Registry) -> None:
    _, human = prompt_for(f"First {'x' * 90_000} last.", SHORT, registry)
    shown = str(human.content)
    assert "## Request\nFirst xxx" in shown
    assert "xxx last.\n\n## Specialists" in shown
    assert "characters left out" in shown
    assert len(shown) < 4_000


def test_an_answer_outside_of_the_short_list_goes_to_the_fallback(registry: Registry) -> None:
    unusable: list[Json] = [{"specialist": "licence-review"}, {}, None, "crm-lookup", []]
    for said in unusable:
        route = taken(TEXT, said, SHORT, registry, fallback=registry["general"])
        assert [one.specialist for one in route.dispatches] == ["general"], said
        assert route.candidates == SHORT
    declined = taken(TEXT, {"specialist": "none", "reason": "No."}, SHORT, registry, fallback=None)
    assert (declined.kind, declined.reason) == ("decline", "No.")


def test_a_wish_to_ask_about_a_single_candidate_is_no_question(registry: Registry) -> None:
    said = {"specialist": "ask", "reason": "Unclear."}
    assert taken(TEXT, said, SHORT, registry, fallback=None).kind == "clarify"
    assert taken(TEXT, said, SHORT[:1], registry, fallback=None).kind == "decline"


async def test_the_choice_of_the_model_is_taken_with_its_reason_and_tokens(
    tmp_path: Path, registry: Registry
) -> None:
    brain = Says({"specialist": "notify", "reason": "It asks for a mail."})
    with ScriptedProvider(brain) as provider:
        async with room(tmp_path, [on(provider, "cheap")]) as opened:
            model = opened.models.chat("work", CONTEXT)
            route = await by_model(TEXT, SHORT, registry, fallback=None, model=model)
    assert (route.stage, route.reason) == ("model", "notify: It asks for a mail.")
    assert [(one.specialist, one.text) for one in route.dispatches] == [("notify", TEXT)]
    assert route.tokens == 211
    (asked,) = brain.asked
    tool = asked.demanded_tool
    assert tool is not None
    schema: Json = tool.schema
    offered = schema["properties"]["specialist"]["enum"]
    assert offered == ["crm-lookup", "notify", "none", "ask"]


async def test_a_model_that_fails_leaves_the_request_to_the_fallback(
    tmp_path: Path, registry: Registry
) -> None:
    with ScriptedProvider(Says(HttpError(status=500, message="down"))) as provider:
        async with room(tmp_path, [on(provider, "cheap")]) as opened:
            model = opened.models.chat("work", CONTEXT)
            route = await by_model(TEXT, SHORT, registry, fallback=registry["general"], model=model)
    assert [one.specialist for one in route.dispatches] == ["general"]
    assert route.reason.startswith("The routing model failed:")


async def test_without_candidates_nobody_is_asked(tmp_path: Path, registry: Registry) -> None:
    brain = Says({"specialist": "notify", "reason": ""})
    with ScriptedProvider(brain) as provider:
        async with room(tmp_path, [on(provider, "cheap")]) as opened:
            model = opened.models.chat("work", CONTEXT)
            route = await by_model(TEXT, (), registry, fallback=registry["general"], model=model)
    assert [one.specialist for one in route.dispatches] == ["general"]
    assert brain.asked == []
