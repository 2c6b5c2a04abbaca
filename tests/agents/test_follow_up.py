"""Follow-ups are told from new requests, and go on with all that their worker needs to know."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import yaml

from agents.registry import Registry, load_registry
from agents.routing.decision import Dispatch, Route
from agents.routing.desk import Desk
from agents.routing.earlier import Earlier, going_on, own_words
from agents.routing.encoding import LAYERS
from agents.routing.follow_up import form_of
from agents.routing.going_on import Unsure, standing
from agents.routing.local import LocalClassifier
from agents.routing.settings import FollowUps, Tenant, load_routing
from models.encoder import open_encoder
from runtime.canonical import Json
from runtime.labels import Label
from runtime.settings import ROOT

ROUTING = load_routing(ROOT / "config" / "routing.yaml")
CASES: dict[str, list[Json]] = yaml.safe_load(
    (ROOT / "tests" / "agents" / "follow_ups.yaml").read_text(encoding="utf-8")
)


@pytest.fixture(scope="module")
def desk() -> Desk:
    registry: Registry = load_registry(ROOT / "agents" / "specialists")
    trained = LocalClassifier(registry.values(), open_encoder(layers=LAYERS))
    return Desk(registry=registry, trained=trained, routing=ROUTING, tenant="local")


def earlier(*had: tuple[str, str], needs: tuple[str, ...] = ()) -> Earlier:
    """A run `r0` whose dispatches, all with a result, went to these specialists."""
    dispatches = tuple(
        Dispatch(id=f"d{at}", specialist=name, text=text, needs=needs if at == len(had) else ())
        for at, (name, text) in enumerate(had, start=1)
    )
    results = {one.id: {"request": one.text, "outputs": {"answer": "…"}} for one in dispatches}
    return Earlier(run="r0", dispatches=dispatches, label=Label.internal, results=results)


LOOKED_UP = earlier(("crm-lookup", "Look up customer 42"))


def decided(desk: Desk, text: str, before: Earlier | None = LOOKED_UP) -> Route:
    route = desk.by_local(text, before)
    assert isinstance(route, Route), route
    return route


def judged(desk: Desk, part: str) -> Iterator[tuple[str, str, Route | Unsure]]:
    """Each text of a set with who should get it (empty for a new request) and what became of it."""
    for case in CASES[part]:
        before = earlier(*((name, case["before"]) for name in case["had"]))
        for one in case["goes_on"]:
            yield one["text"], one["to"], desk.by_local(one["text"], before)
        for text in case["new"]:
            yield text, "", desk.by_local(text, before)


@pytest.mark.parametrize(
    ("part", "precision", "recall", "right"),
    [("tuned", 0.95, 0.95, 0.88), ("held_out", 0.95, 0.8, 0.7)],
)
def test_follow_ups_are_told_from_new_requests(
    desk: Desk,
    part: str,
    precision: float,
    recall: float,
    right: float,
    record_property: Callable[[str, object], None],
) -> None:
    found = list(judged(desk, part))
    due = [one for one in found if one[1]]
    taken = [one for one in found if one[2].follows]
    hits = [one for one in due if one[2].follows]
    well = [one for one in hits if isinstance(one[2], Route) and _goes_to(one[2]) == one[1]]
    measured = (len(hits) / len(taken), len(hits) / len(due), len(well) / len(due))
    record_property(part, f"precision, recall, right specialist: {measured}")
    assert len(due) >= 25
    assert len(found) - len(due) >= 25
    assert measured >= (precision, 0.0, 0.0)
    assert measured[1] >= recall, [one[0] for one in due if one not in hits]
    assert measured[2] >= right, [one[0] for one in due if one not in well]


def _goes_to(route: Route) -> str:
    return route.dispatches[0].specialist


def test_the_sets_have_at_least_forty_of_each_kind() -> None:
    for part in ("goes_on", "new"):
        assert sum(len(case[part]) for case in CASES["tuned"]) >= 40


def test_the_same_words_in_a_new_thread_are_no_follow_up(desk: Desk) -> None:
    for text in ("what about customer 43?", "and mail it to her", "same for order 10044"):
        assert desk.by_local(text, None).follows == ""


def test_a_follow_up_stands_alone_with_its_own_words_first(desk: Desk) -> None:
    route = decided(desk, "what about customer 43?")
    assert (route.stage, route.follows) == ("local", "r0")
    assert "goes on from run r0: it begins with 'what about'" in route.reason
    (one,) = route.dispatches
    assert (one.specialist, one.needs) == ("crm-lookup", ())
    assert one.text == (
        "what about customer 43?\n\n"
        "This goes on from what was asked before it, the latest first:\n"
        "> Look up customer 42"
    )


def test_a_follow_up_of_a_follow_up_keeps_the_requests_before_it() -> None:
    text = going_on("third", going_on("second\nline", "first"))
    assert text.splitlines()[-2:] == ["> second line", "> first"]
    assert own_words(text) == "third"
    deep = going_on("fifth", going_on("fourth", text))
    assert deep.splitlines()[-3:] == ["> fourth", "> third", "> second line"]


def test_a_new_action_gets_the_earlier_results_and_its_own_words_alone(desk: Desk) -> None:
    route = decided(desk, "and mail it to her")
    assert [(one.specialist, one.text, one.needs) for one in route.dispatches] == [
        ("notify", "and mail it to her", ("r0",))
    ]


def test_who_takes_no_results_gets_the_earlier_words_for_a_new_action(desk: Desk) -> None:
    new = Dispatch(id="d1", specialist="document-research", text="Is it in the handbook?")
    one = standing(new, LOOKED_UP, desk.specialists)
    assert one.needs == ()
    assert "> Look up customer 42" in one.text


def test_the_same_for_another_repeats_all_dispatches_with_their_needs(desk: Desk) -> None:
    before = earlier(
        ("crm-lookup", "Look up customer 42"), ("notify", "e-mail her the order"), needs=("d1",)
    )
    route = decided(desk, "same for customer 43", before)
    first, second = route.dispatches
    assert (first.specialist, second.specialist) == ("crm-lookup", "notify")
    assert (first.needs, second.needs) == ((), ("d1",))
    assert second.text.splitlines()[0] == "same for customer 43"
    assert second.text.splitlines()[-1] == "> e-mail her the order"


def test_a_second_mail_gets_what_the_first_was_made_of(desk: Desk) -> None:
    before = earlier(
        ("crm-lookup", "Look up customer 42"), ("notify", "e-mail her the order"), needs=("d1",)
    )
    route = decided(desk, "also mail it to bob@example.com", before)
    (one,) = route.dispatches
    assert (one.specialist, one.needs) == ("notify", ("r0",))
    assert one.text.splitlines()[-1] == "> e-mail her the order"


def test_an_addressed_follow_up_goes_where_it_is_addressed_with_the_results(desk: Desk) -> None:
    route = desk.by_rule("@notify mail it to her", "", None, LOOKED_UP)
    assert route is not None
    assert (route.stage, route.follows) == ("rule", "r0")
    assert [(one.text, one.needs) for one in route.dispatches] == [("mail it to her", ("r0",))]
    alone = desk.by_rule("@notify send an e-mail to anna@example.com", "", None, LOOKED_UP)
    assert alone is not None
    assert alone.follows == ""


def test_a_follow_up_never_goes_to_whom_the_tenant_may_no_longer_use(desk: Desk) -> None:
    terms = {"acme": Tenant(deny=frozenset({"crm-lookup", "notify"}))}
    limited = Desk(
        registry=desk.registry,
        trained=desk.trained,
        routing=ROUTING.model_copy(update={"tenants": terms}),
        tenant="acme",
    )
    for text in ("what about customer 43?", "and mail it to her", "same for order 10044"):
        route = limited.by_local(text, LOOKED_UP)
        names = {one.specialist for one in route.candidates}
        if isinstance(route, Route):
            names |= {one.specialist for one in route.dispatches}
        assert names.isdisjoint({"crm-lookup", "notify"}), text


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("what about customer 43?", "elliptic"),
        ("OK, and for last year?", "elliptic"),
        ("customer 43 too", "elliptic"),
        ("the same for customer 43", "repeats"),
        ("mail it to her", "refers"),
        ("post this to the webhook", "refers"),
        ("only the open ones", "fragment"),
        ("INC-2026-015", "named"),
        ("why?", "elliptic"),
        ("thanks, great!", ""),
        ("Look up customer 42 and tell me her e-mail address", ""),
        ("Which licences have the packages in this environment?", ""),
        ("Mail the on-call engineer that the build is red", ""),
        ("Is it possible to resume a run?", ""),
        ("What was the result of the audit?", ""),
        ("", ""),
        ("mail it to her " + "and say so " * 20, ""),
    ],
)
def test_the_form_of_a_request_shows_whether_it_goes_on(text: str, mark: str) -> None:
    assert form_of(text, ROUTING.follow_ups, ROUTING.references).mark == mark


def test_without_words_in_the_settings_every_request_is_new(desk: Desk) -> None:
    plain = Desk(
        registry=desk.registry,
        trained=desk.trained,
        routing=ROUTING.model_copy(update={"follow_ups": FollowUps()}),
        tenant="local",
    )
    assert plain.by_local("and mail it to her", LOOKED_UP).follows == ""


def test_the_words_of_the_settings_are_lower_case() -> None:
    for name, words in ROUTING.follow_ups.model_dump().items():
        if isinstance(words, tuple | frozenset):
            assert all(one == one.casefold() for one in words), name
