"""A request is cut where the examples show several things, and stays whole where they show one."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import pytest

from agents.registry import Registry, load_registry
from agents.routing.cuts import MOST_PLACES, places
from agents.routing.decision import Candidate, Dispatch, Route, Scored
from agents.routing.desk import Desk
from agents.routing.encoding import LAYERS
from agents.routing.going_on import Unsure
from agents.routing.local import LocalClassifier
from agents.routing.settings import Tenant, load_routing
from agents.routing.split import LONGEST, by_examples, dispatches, read
from bench.router_data import Data, domains, load
from bench.router_encoder import Remembering, opened
from bench.router_specialists import slug, specialist
from models.encoder import open_encoder
from runtime.settings import ROOT

ROUTING = load_routing(ROOT / "config" / "routing.yaml")
LOOK_UP, LICENCES = "Look up customer 42", "review the licences of our dependencies"
OPEN = "Look up customer 42. Do something nice for her."
"""Both parts are found, but only of the first one the examples are sure."""


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_registry(ROOT / "agents" / "specialists")


@pytest.fixture(scope="module")
def classifier(registry: Registry) -> LocalClassifier:
    return LocalClassifier(registry.values(), open_encoder(layers=LAYERS))


@pytest.fixture(scope="module")
def desk(registry: Registry, classifier: LocalClassifier) -> Desk:
    return Desk(registry=registry, trained=classifier, routing=ROUTING, tenant="local")


class Counting:
    """The classifier, with a record of what it was asked."""

    def __init__(self, classifier: LocalClassifier) -> None:
        self.classifier = classifier
        self.asked: list[list[str]] = []

    def score_all(self, texts: Sequence[str]) -> list[Scored]:
        self.asked.append(list(texts))
        return self.classifier.score_all(texts)


class Table:
    """Says of each text what stands here: who it is for, and how surely it is anybody's."""

    def __init__(self, said: Mapping[str, tuple[str, float]]) -> None:
        self.said = said

    def score_all(self, texts: Sequence[str]) -> list[Scored]:
        return [self._one(*self.said.get(text, ("a", 0.5))) for text in texts]

    def _one(self, name: str, inside: float) -> Scored:
        return Scored(
            candidates=(Candidate(specialist=name, probability=inside),),
            none=1 - inside,
            threshold=0.9,
            sure=inside >= 0.9,
            outside=False,
            short_list=1,
        )


def cut_up(text: str) -> list[str]:
    """What stands between all places of a text."""
    found = places(text, ROUTING)
    starts, ends = [0, *(one.start for one in found)], [*(one.end for one in found), len(text)]
    return [text[start:end].strip() for start, end in zip(starts, ends, strict=True)]


def who(route: Route | None) -> list[tuple[str, tuple[str, ...]]]:
    assert route is not None
    return [(one.specialist, one.needs) for one in route.dispatches]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("find a and find b", ["find a", "find b"]),
        ("find a, and then also find b", ["find a", "find b"]),
        ("Find a. After that, find b!", ["Find a.", "find b!"]),
        ("where is a? Also where is b?", ["where is a?", "where is b?"]),
        ("find a; find b", ["find a", "find b"]),
        ("find a, show b as well as c", ["find a", "show b", "c"]),
        ("FIND A AND FIND B", ["FIND A", "FIND B"]),
        ("find a\nfind b", ["find a\nfind b"]),
        ("the red, blue, green ones", ["the red, blue, green ones"]),
        ("version 1.2.3 of sand.and.sea", ["version 1.2.3 of sand.and.sea"]),
        ("could you also find b", ["could you also find b"]),
        ("please, find b", ["please, find b"]),
        ("find a and", ["find a and"]),
        ("and then", ["and then"]),
        ("?! ... and; ,", ["?! ... and; ,"]),
        ("", [""]),
    ],
)
def test_places_are_sentence_ends_and_joining_words_with_something_on_either_side(
    text: str, parts: list[str]
) -> None:
    assert cut_up(text) == parts


def test_of_many_places_the_likeliest_are_kept_in_their_order() -> None:
    text = "a and b and c and d. e and f; g then h. i"
    assert cut_up(text) == ["a and b and c and d.", "e and f", "g", "h.", "i"]
    assert len(places("a and " * 5000 + "b", ROUTING)) == MOST_PLACES


def test_a_request_without_a_place_is_scored_once_alone(classifier: LocalClassifier) -> None:
    counting = Counting(classifier)
    by_examples(LOOK_UP, counting, ROUTING)
    assert counting.asked == [[LOOK_UP]]


def test_whole_and_parts_are_scored_together_and_are_bounded(classifier: LocalClassifier) -> None:
    counting = Counting(classifier)
    by_examples("this and that. " * 40, counting, ROUTING)
    (asked,) = counting.asked
    assert len(asked) <= (MOST_PLACES + 1) * (MOST_PLACES + 2) // 2


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (
            f"{LOOK_UP} and e-mail her the status of her last order",
            [("crm-lookup", ()), ("notify", ("d1",))],
        ),
        (f"{LOOK_UP} and {LICENCES}", [("crm-lookup", ()), ("licence-review", ())]),
        (f"{LOOK_UP}, then {LICENCES}", [("crm-lookup", ()), ("licence-review", ("d1",))]),
        (
            "Who is customer 7? What happened in incident INC-2026-014?",
            [("crm-lookup", ()), ("incident-review", ())],
        ),
        (
            f"{LOOK_UP}, review incident INC-2026-014 and mail her the result.",
            [("crm-lookup", ()), ("incident-review", ()), ("notify", ("d2",))],
        ),
        (
            f"{LOOK_UP}. Then mail her the order status. Also {LICENCES}.",
            [("crm-lookup", ()), ("notify", ("d1",)), ("licence-review", ())],
        ),
        (
            f"Please look up customer 42, and could you also {LICENCES}?",
            [("crm-lookup", ()), ("licence-review", ())],
        ),
    ],
)
def test_several_things_are_split_and_wait_for_what_they_refer_to(
    classifier: LocalClassifier, text: str, parts: list[tuple[str, tuple[str, ...]]]
) -> None:
    assert who(by_examples(text, classifier, ROUTING)) == parts


@pytest.mark.parametrize(
    "text",
    [
        "Look up customer 42 and customer 43",
        "Look up customer 42 as well as customer 43",
        "Who is customer 7? And who is customer 8?",
        "what's the status of order 3 and who is customer 7",
        "What do the documents say about data labels and retention?",
        "Build a timeline of the outage from tickets and logs",
        "Mail anna@example.com that the build is red and that the tests fail",
        "Hi! Look up customer 42.",
    ],
)
def test_things_for_one_specialist_stay_one_dispatch(
    classifier: LocalClassifier, text: str
) -> None:
    route = by_examples(text, classifier, ROUTING)
    assert [need for _, need in who(route)] == [()]
    assert route is not None
    assert route.dispatches[0].text == text


def test_neighbouring_parts_of_one_specialist_stay_together(classifier: LocalClassifier) -> None:
    text = "Who is customer 7? And who is customer 8? Then mail both to bob@example.org."
    route = by_examples(text, classifier, ROUTING)
    assert route is not None
    assert [one.text for one in route.dispatches] == [
        "Who is customer 7? And who is customer 8?",
        "mail both to bob@example.org.",
    ]


def test_a_conjunction_takes_more_evidence_than_the_end_of_a_sentence() -> None:
    said = {"red boxes": ("a", 0.97), "blue lids": ("b", 0.97), "red boxes.": ("a", 0.97)}
    table = Table(
        {**said, "red boxes and blue lids": ("a", 0.9), "red boxes. blue lids": ("a", 0.9)}
    )
    assert read("red boxes and blue lids", table, ROUTING).parts == ()
    assert len(read("red boxes. blue lids", table, ROUTING).parts) == 2


def test_a_whole_that_the_examples_know_is_not_cut() -> None:
    table = Table({"find a": ("a", 0.97), "find b": ("b", 0.97), "find a; find b": ("a", 0.9999)})
    assert read("find a; find b", table, ROUTING).parts == ()
    known = Table({**table.said, "find a; find b": ("a", 0.9)})
    assert [part.text for part in read("find a; find b", known, ROUTING).parts] == [
        "find a",
        "find b",
    ]


def test_a_part_that_is_not_sure_keeps_the_request_from_being_taken_for_one_thing(
    classifier: LocalClassifier, desk: Desk
) -> None:
    reading = read(OPEN, classifier, ROUTING)
    assert [part.scored.sure for part in reading.parts] == [True, False]
    assert by_examples(OPEN, classifier, ROUTING) is None
    assert classifier.score(OPEN).sure, "as one thing it would be taken for a look-up"
    unsure = desk.by_local(OPEN)
    assert isinstance(unsure, Unsure)
    second = reading.parts[1]
    (choice,) = unsure.choices
    assert (choice.text, unsure.own) == (second.text, OPEN)
    assert choice.candidates == second.scored.candidates[: second.scored.short_list]


def test_what_the_model_chooses_for_the_open_part_joins_the_sure_ones(desk: Desk) -> None:
    unsure = desk.by_local(OPEN)
    assert isinstance(unsure, Unsure)
    chosen = Route(
        kind="dispatch",
        stage="model",
        reason="notify: it is nice.",
        dispatches=(Dispatch(id="d1", specialist="notify", text=unsure.choices[0].text),),
    )
    settled = desk.settled(unsure, [chosen])
    assert settled.dispatches == (
        Dispatch(id="d1", specialist="crm-lookup", text="Look up customer 42."),
        Dispatch(id="d2", specialist="notify", text="Do something nice for her.", needs=("d1",)),
    )
    asked = chosen.model_copy(update={"kind": "clarify", "dispatches": ()})
    instead = desk.settled(unsure, [asked])
    assert [one.specialist for one in instead.dispatches] == ["crm-lookup", "general"]


def test_with_several_open_parts_the_model_sees_what_is_on_any_of_their_lists() -> None:
    table = Table({"find a": ("a", 0.85), "find b": ("b", 0.8), "find a; find b": ("c", 0.3)})
    reading = read("find a; find b", table, ROUTING)
    assert not reading.sure
    assert [one.specialist for one in reading.listed] == ["a", "b"]
    assert [one.specialist for one in dispatches(reading)] == ["", ""]


def test_a_part_for_somebody_whom_the_tenant_may_not_use_is_not_dispatched(
    registry: Registry, classifier: LocalClassifier
) -> None:
    routing = ROUTING.model_copy(
        update={"tenants": {"acme": Tenant(deny=frozenset({"licence-review"}))}}
    )
    desk = Desk(registry=registry, trained=classifier, routing=routing, tenant="acme")
    decided = desk.by_local(f"{LOOK_UP}. {LICENCES}.")
    named = {one.specialist for one in decided.candidates}
    if isinstance(decided, Route):
        named |= {one.specialist for one in decided.dispatches}
    assert "licence-review" not in named


def test_a_page_of_text_is_neither_cut_nor_taken(classifier: LocalClassifier) -> None:
    long = f"{LOOK_UP}. {LICENCES}. " + "pears and apples " * (LONGEST // 10)
    counting = Counting(classifier)
    assert by_examples(long, counting, ROUTING) is None
    assert counting.asked == [[long[:LONGEST]]]


def test_an_empty_request_and_no_specialists_are_no_trouble(classifier: LocalClassifier) -> None:
    assert read("", classifier, ROUTING).parts == ()
    assert by_examples(f"{LOOK_UP}. {LICENCES}.", LocalClassifier([]), ROUTING) is None


@pytest.fixture(scope="module")
def data() -> Data:
    """The development split: the test split is for the benchmark alone."""
    return load("clinc150", "val")


def test_pairs_are_found_and_single_requests_with_a_joining_word_are_left_alone(
    data: Data,
) -> None:
    chosen = random.Random(1).sample(sorted(data.pool), 40)
    drawn = random.Random(2)
    classifier = LocalClassifier(
        [specialist(name, tuple(drawn.sample(data.pool[name], 10))) for name in chosen],
        Remembering(opened()),
    )
    asked = [(text, name) for text, name in data.asked if name in chosen]
    domain = domains()
    pairs: list[tuple[str, list[str]]] = []
    while len(pairs) < 60:
        (one, first), (other, second) = drawn.sample(asked, 2)
        if domain[first] != domain[second]:
            joint = (" and ", ". ", ", and then ")[len(pairs) % 3]
            pairs.append((f"{one}{joint}{other}", [slug(first), slug(second)]))
    found = [read(text, classifier, ROUTING).parts for text, _ in pairs]
    names = [[part.scored.candidates[0].specialist for part in parts] for parts in found]
    assert sum(len(parts) == 2 for parts in found) >= 0.9 * len(pairs)
    assert sum(a == b for a, (_, b) in zip(names, pairs, strict=True)) >= 0.8 * len(pairs)
    joining = [text for text, _ in asked if " and " in text or ". " in text]
    assert len(joining) >= 30
    split = [text for text in joining if read(text, classifier, ROUTING).parts]
    assert len(split) <= 0.05 * len(joining), split
