"""A request that nobody is for: the fallback takes it, or a handful of offers is made."""

from __future__ import annotations

import pytest

from agents.registry import Registry, load_registry
from agents.routing.decision import Candidate
from agents.routing.decline import declined, otherwise
from agents.spec import Specialist
from runtime.settings import ROOT


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_registry(ROOT / "agents" / "specialists")


def many(one: Specialist, number: int) -> dict[str, Specialist]:
    names = [f"s{n:04}" for n in range(number)]
    return {name: one.model_copy(update={"name": name, "fallback": False}) for name in names}


def test_the_fallback_takes_what_nobody_is_for(registry: Registry) -> None:
    nearest = (Candidate(specialist="notify", probability=0.2),)
    route = otherwise("hi", "local", "Far.", fallback=registry["general"], candidates=nearest)
    assert (route.kind, route.stage, route.candidates) == ("dispatch", "local", nearest)
    assert [(one.specialist, one.text) for one in route.dispatches] == [("general", "hi")]


def test_without_a_fallback_it_is_declined_with_the_reason() -> None:
    route = otherwise("hi", "model", "Far.", fallback=None)
    assert (route.kind, route.stage, route.reason) == ("decline", "model", "Far.")


def test_of_a_thousand_specialists_the_five_nearest_are_offered(registry: Registry) -> None:
    text = declined("Far.", many(registry["general"], 1000), ["s0700", "s0900"])
    lines = text.splitlines()
    assert lines[0] == "No specialist takes this request. Far."
    assert [line[:11] for line in lines if line.startswith("- **")] == [
        "- **s0700**",
        "- **s0900**",
        "- **s0000**",
        "- **s0001**",
        "- **s0002**",
    ]
    assert lines[-1].startswith("- and 995 more")
    assert len(lines) == 9


def test_few_are_offered_whole_and_the_fallback_is_no_offer(registry: Registry) -> None:
    text = declined("", registry)
    assert text.count("- **") == 5
    assert "more" not in text
    assert "general" not in text


def test_with_nobody_to_offer_only_the_reason_is_told() -> None:
    assert declined("Far.", {}) == "No specialist takes this request. Far."
