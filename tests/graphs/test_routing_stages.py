"""Each routing stage is a node of the real graph: what decides, on what record, at what price."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.canonical import Json
from tests.graphs.clerks import INVOICES, OFFICE, TOKENS, UNSURE, clerk, office
from tests.graphs.driver import Driver, Told
from tests.provider import Exchange
from tests.provider.faults import HttpError


async def route_of(driver: Driver, told: Told) -> Json:
    """The decision as the ledger has it, which must be the one that was told last."""
    recorded: Json = await driver.services.ledger.runs.route(told.answer["run"])
    assert recorded is not None
    assert told.of("route")[-1].items() >= recorded.items()
    return recorded


async def nodes_of(driver: Driver, thread: str = "t1") -> list[str]:
    """The nodes of the supervisor that ran, in order."""
    config: Json = {"configurable": {"thread_id": thread}}
    history = [one async for one in driver.graph.aget_state_history(config)]
    return [name for one in reversed(history) for name in one.next if name != "__start__"]


async def test_rule_decides_on_an_address_without_any_other_stage(tmp_path: Path) -> None:
    async with office(tmp_path) as (driver, brain):
        told = await driver.ask("@inv show it all")
        route = await route_of(driver, told)
        assert (route["stage"], route["threshold"], route["tokens"]) == ("rule", None, 0)
        assert route["dispatches"][0]["specialist"] == "invoices"
        assert await nodes_of(driver) == [
            "intake",
            "rule",
            "dispatch",
            "invoices",
            "dispatch",
            "judge",
            "respond",
        ]
        assert brain.routed == []
        assert brain.worked == [("invoices", "show it all", {})]


async def test_rule_decides_on_a_link_and_on_the_callers_hint(tmp_path: Path) -> None:
    async with office(tmp_path) as (driver, brain):
        linked = await driver.ask("switchyard://mail?text=Say%20hello")
        hinted = await driver.ask("Send a mail", thread="t2", specialist="invoices")
        assert [(await route_of(driver, one))["stage"] for one in (linked, hinted)] == ["rule"] * 2
        assert [(who, what) for who, what, _ in brain.worked] == [
            ("mail", "Say hello"),
            ("invoices", "Send a mail"),
        ]


async def test_local_decides_when_it_is_sure_for_no_tokens(tmp_path: Path) -> None:
    async with office(tmp_path) as (driver, brain):
        told = await driver.ask("Is invoice 7 paid?")
        route = await route_of(driver, told)
        assert (route["stage"], route["tokens"]) == ("local", 0)
        assert [one["specialist"] for one in route["dispatches"]] == ["invoices"]
        assert route["candidates"][0]["probability"] >= route["threshold"] > 0
        assert 0 < route["seconds"] < 5
        assert route["router"]
        assert brain.routed == []


async def test_model_gets_the_short_list_alone_and_its_price_is_on_record(
    tmp_path: Path,
) -> None:
    def choose(_: Exchange) -> Json:
        return {"specialist": "south", "reason": "It is about a parcel."}

    others = [clerk(f"desk-{n}", [f"{one} at desk {n}" for one in INVOICES]) for n in range(12)]
    async with office(tmp_path, *OFFICE, *others, choose=choose) as (driver, brain):
        told = await driver.ask(UNSURE)
        route = await route_of(driver, told)
        assert (route["stage"], route["tokens"]) == ("model", TOKENS), route
        assert route["reason"] == "south: It is about a parcel."
        (asked,) = brain.routed
        scored = driver.services.local_stage.classifier.score(UNSURE)
        shown = [one.specialist for one in scored.candidates[: scored.short_list]]
        assert [one["specialist"] for one in route["candidates"]] == shown
        listed = [line for line in asked.last.text.splitlines() if line.startswith("- ")]
        assert [line[2:].partition(":")[0] for line in listed] == shown
        spent = await driver.services.ledger.spend.of_run(told.answer["run"])
        assert [call.task for call in spent if call.tier == "route"] == ["route"]


@pytest.mark.parametrize(
    "said",
    [
        {"specialist": "nobody", "reason": "x"},
        {"specialist": "none", "reason": "x"},
        HttpError(status=500, message="down"),
    ],
)
async def test_an_unusable_choice_goes_to_the_fallback(
    tmp_path: Path, said: Json | HttpError
) -> None:
    async with office(tmp_path, choose=lambda _: said) as (driver, brain):
        told = await driver.ask(UNSURE)
        route = await route_of(driver, told)
        assert (route["stage"], route["kind"]) == ("model", "dispatch")
        assert [who for who, _, _ in brain.worked] == ["general"]


async def test_decline_says_what_can_be_done_here(tmp_path: Path) -> None:
    said = {"specialist": "none", "reason": "Nobody bakes."}
    async with office(tmp_path, *OFFICE[:4], choose=lambda _: said) as (driver, _):
        told = await driver.ask(UNSURE)
        assert told.answer["status"] == "declined"
        assert "Nobody bakes." in told.answer["text"]
        assert told.answer["text"].count("- **") == 4
        assert (await nodes_of(driver))[-2:] == ["decline", "respond"]


ASK = {"specialist": "ask", "reason": "Both fit."}


@pytest.mark.parametrize(
    ("answer", "who", "what"),
    [
        ("the first", 0, UNSURE),
        ("2", 1, UNSURE),
        ("@mail", "mail", UNSURE),
    ],
)
async def test_a_short_answer_to_the_question_is_understood_without_a_model(
    tmp_path: Path, answer: str, who: int | str, what: str
) -> None:
    async with office(tmp_path, choose=lambda _: ASK) as (driver, brain):
        told = await driver.ask(UNSURE, decide=lambda _: answer)
        (question,) = told.questions
        options = question["question"]["options"]
        assert [
            f"{n}. {one}:" in question["question"]["question"]
            for n, one in enumerate(options, start=1)
        ] == [True] * len(options)
        route = await route_of(driver, told)
        expected = options[who] if isinstance(who, int) else who
        assert (route["stage"], route["tokens"]) == ("rule", TOKENS)
        assert [(name, text) for name, text, _ in brain.worked] == [(expected, what)]
        assert len(brain.routed) == 1


async def test_an_answer_with_an_address_goes_there_together_with_the_request(
    tmp_path: Path,
) -> None:
    async with office(tmp_path, choose=lambda _: ASK) as (driver, brain):
        told = await driver.ask(UNSURE, decide=lambda _: "@south: parcel 99, that is")
        route = await route_of(driver, told)
        assert route["stage"] == "rule"
        assert brain.worked[0][:2] == ("south", f"parcel 99, that is\n\n{UNSURE}")


async def test_a_second_question_is_never_asked(tmp_path: Path) -> None:
    async with office(tmp_path, choose=lambda _: ASK) as (driver, brain):
        told = await driver.ask(UNSURE, decide=lambda _: "hm, hard to say really")
        assert len(told.questions) == 1
        assert len(brain.routed) == 2
        route = await route_of(driver, told)
        assert (route["stage"], route["tokens"]) == ("model", 2 * TOKENS)
        assert "asked once already" in route["reason"]
        assert brain.worked[0][0] == "general"


async def test_an_answer_in_other_words_is_decided_anew_with_the_request(tmp_path: Path) -> None:
    async with office(tmp_path, choose=lambda _: ASK) as (driver, brain):
        said = "it was sent off last week by a colleague in the south"
        told = await driver.ask(UNSURE, decide=lambda _: said)
        route = await route_of(driver, told)
        assert route["given"]["asked"]["answer"] == said
        assert brain.worked[0][1] == f"{UNSURE}\n\n{said}"


async def test_without_a_fallback_a_second_question_ends_in_a_decline(tmp_path: Path) -> None:
    async with office(tmp_path, *OFFICE[:4], choose=lambda _: ASK) as (driver, _):
        told = await driver.ask(UNSURE, decide=lambda _: "hm, hard to say really")
        assert told.answer["status"] == "declined"


async def test_whom_a_tenant_may_not_use_is_at_no_stage_a_candidate(tmp_path: Path) -> None:
    terms = {"acme": {"deny": ["invoices", "general"]}}
    asked: list[list[str]] = []

    def choose(exchange: Exchange) -> Json:
        tool = exchange.demanded_tool
        assert tool is not None
        schema: Json = tool.schema
        asked.append(schema["properties"]["specialist"]["enum"])
        return {"specialist": "none", "reason": "Nobody."}

    async with office(tmp_path, choose=choose, routing={"tenants": terms}) as (driver, brain):
        sure = await driver.ask("Is invoice 7 paid?", thread="a", tenant="acme")
        # Known for what it is, so that it goes to nobody in the place of who is not permitted.
        assert asked == []
        unsure = await driver.ask(UNSURE, thread="b", tenant="acme")
        named = await driver.ask("@invoices Is invoice 7 paid?", thread="c", tenant="acme")
        assert [one.answer["status"] for one in (sure, unsure, named)] == [
            "declined",
            "declined",
            "rejected",
        ]
        assert brain.worked == []
        assert asked
        assert all("invoices" not in names for names in asked)
        for told in (sure, unsure):
            assert "invoices" not in told.answer["text"]
            assert "general" not in told.answer["text"]
            assert "invoices" not in str(told.of("route"))
        other = await driver.ask("Is invoice 7 paid?", thread="d", tenant="else")
        assert other.answer["outcomes"][0]["specialist"] == "invoices"


async def test_a_tenants_default_takes_what_nobody_is_sure_of(tmp_path: Path) -> None:
    terms = {"*": {"default": "mail"}}
    async with office(tmp_path, routing={"tenants": terms}) as (driver, brain):
        await driver.ask(UNSURE)
        assert [who for who, _, _ in brain.worked] == ["mail"]


async def test_an_installation_with_only_a_fallback_works(tmp_path: Path) -> None:
    only = clerk("general", fallback=True)
    async with office(tmp_path, only) as (driver, brain):
        told = await driver.ask("Track parcel 99")
        assert told.answer["status"] == "done", told.message
        assert [who for who, _, _ in brain.worked] == ["general"]
        assert brain.routed == []


async def test_the_same_request_gets_the_same_route_twenty_times(tmp_path: Path) -> None:
    measured = ("seconds", "tokens", "router")
    async with office(tmp_path) as (driver, _):
        routes = []
        for number in range(20):
            told = await driver.ask(UNSURE, thread=f"t{number}")
            route = await route_of(driver, told)
            routes.append({key: value for key, value in route.items() if key not in measured})
        assert all(route == routes[0] for route in routes)
