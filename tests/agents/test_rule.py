"""The rule stage: addresses, links, hints, answers and the terms of tenants decide outright."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from agents.registry import Registry, load_registry
from agents.routing.clarify import Asked
from agents.routing.decision import Route
from agents.routing.desk import Desk
from agents.routing.local import LocalClassifier
from agents.routing.settings import Routing, Tenant, load_routing, mistakes, refuse_unknown
from runtime.canonical import Json
from runtime.errors import ConfigError, RequestError
from runtime.settings import ROOT

ROUTING = load_routing(ROOT / "config" / "routing.yaml")
ALIASES = {"docs": "document-research", "mail": "notify"}
DeskWith = Callable[..., Desk]


@pytest.fixture(scope="module")
def desk_with() -> DeskWith:
    registry: Registry = load_registry(ROOT / "agents" / "specialists")
    trained = LocalClassifier(registry.values())

    def made(tenant: str = "local", **changes: Json) -> Desk:
        routing = ROUTING.model_copy(update={"aliases": ALIASES, **changes})
        return Desk(registry=registry, trained=trained, routing=routing, tenant=tenant)

    return made


def sent(route: Route | None) -> list[tuple[str, str, tuple[str, ...]]]:
    assert route is not None
    assert (route.kind, route.stage) == ("dispatch", "rule")
    return [(one.specialist, one.text, one.needs) for one in route.dispatches]


@pytest.mark.parametrize(
    "address",
    ["@crm-lookup", "@crm-lookup:", "@CRM-Lookup,", "@crm", "@cr", "  @crm"],
)
def test_a_name_or_the_beginning_of_just_one_name_is_an_address(
    desk_with: DeskWith, address: str
) -> None:
    route = desk_with().by_rule(f"{address} who is customer 3?")
    assert sent(route) == [("crm-lookup", "who is customer 3?", ())]


def test_an_alias_is_an_address_and_goes_before_beginnings(desk_with: DeskWith) -> None:
    desk = desk_with(aliases={"doc": "notify"})
    assert sent(desk.by_rule("@doc hello there")) == [("notify", "hello there", ())]


def test_a_beginning_that_fits_several_names_them(desk_with: DeskWith) -> None:
    desk = desk_with()
    twin = desk.registry["crm-lookup"].model_copy(update={"name": "crm-write"})
    wide = Desk(
        registry={**desk.registry, "crm-write": twin},
        trained=desk.trained,
        routing=ROUTING,
        tenant="local",
    )
    with pytest.raises(RequestError, match=r"'crm' could be crm-lookup, crm-write.*@crm-lookup"):
        wide.by_rule("@crm who is customer 3?")
    assert sent(wide.by_rule("@crm-l who is customer 3?"))[0][0] == "crm-lookup"


def test_a_misspelt_address_is_told_the_nearest_name(desk_with: DeskWith) -> None:
    with pytest.raises(RequestError, match="Did you mean 'notify'"):
        desk_with().by_rule("@notfy mail it")


def test_of_many_specialists_an_error_lists_a_handful(desk_with: DeskWith) -> None:
    one = desk_with().registry["crm-lookup"]
    many = {f"s{n:04}": one.model_copy(update={"name": f"s{n:04}"}) for n in range(1000)}
    desk = Desk(registry=many, trained=desk_with().trained, routing=ROUTING, tenant="local")
    with pytest.raises(RequestError, match="and 988 more") as caught:
        desk.by_rule("@nobody hello")
    assert len(str(caught.value)) < 400


def test_several_addresses_are_several_dispatches_and_the_one_that_refers_back_waits(
    desk_with: DeskWith,
) -> None:
    route = desk_with().by_rule("@crm who is customer 3? @notify mail the result to her")
    assert sent(route) == [
        ("crm-lookup", "who is customer 3?", ()),
        ("notify", "mail the result to her", ("d1",)),
    ]


def test_addresses_in_a_row_share_the_words_and_do_not_wait(desk_with: DeskWith) -> None:
    route = desk_with().by_rule("@crm @docs what is said of it here?")
    assert sent(route) == [
        ("crm-lookup", "what is said of it here?", ()),
        ("document-research", "what is said of it here?", ()),
    ]


def test_an_at_word_further_in_that_names_nobody_is_text(desk_with: DeskWith) -> None:
    text = "mail @anna and anna@crm.example.com the result"
    assert sent(desk_with().by_rule(f"@notify {text}")) == [("notify", text, ())]


@pytest.mark.parametrize(
    ("link", "text"),
    [
        ("switchyard://crm-lookup?text=Look%20up%20customer%2042", "Look up customer 42"),
        ("switchyard://crm?text=Look+up+customer+42", "Look up customer 42"),
        ("switchyard://crm-lookup Look up customer 42", "Look up customer 42"),
        ("SWITCHYARD://crm-lookup/?text=Look%20up now", "Look up now"),
    ],
)
def test_a_link_names_the_specialist_and_carries_the_words(
    desk_with: DeskWith, link: str, text: str
) -> None:
    assert sent(desk_with().by_rule(link)) == [("crm-lookup", text, ())]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("switchyard://crm-lookup", "nothing is asked"),
        ("switchyard://crm-lookup?words=x", "'words' is not a known parameter"),
        ("switchyard://crm-lookup/orders?text=x", "nothing is known under '/orders'"),
        ("switchyard://nobody?text=x", "no specialist 'nobody'"),
        ("@crm-lookup", "nothing is asked of 'crm-lookup'"),
        ("@x hello", "no specialist 'x'"),
    ],
)
def test_an_address_that_cannot_be_followed_is_refused_with_the_remedy(
    desk_with: DeskWith, text: str, says: str
) -> None:
    with pytest.raises(RequestError, match=says) as caught:
        desk_with().by_rule(text)
    assert caught.value.remedy


def test_the_callers_hint_goes_before_an_address_and_leaves_the_words_alone(
    desk_with: DeskWith,
) -> None:
    route = desk_with().by_rule("@crm who is customer 3?", "notify")
    assert sent(route) == [("notify", "@crm who is customer 3?", ())]


@pytest.mark.parametrize("named", ["@notify mail it", "@noti mail it", "@mail mail it"])
def test_whom_the_tenant_may_not_use_cannot_be_addressed(desk_with: DeskWith, named: str) -> None:
    desk = desk_with("acme", tenants={"acme": Tenant(deny=frozenset({"notify"}))})
    with pytest.raises(RequestError, match="for tenant 'acme'") as caught:
        desk.by_rule(named)
    assert "notify" not in caught.value.remedy
    with pytest.raises(RequestError, match="for tenant 'acme'"):
        desk.by_rule("mail it", "notify")
    assert sent(desk_with("other").by_rule(named))[0][0] == "notify"


def test_a_tenant_that_may_use_nobody_is_declined(desk_with: DeskWith) -> None:
    desk = desk_with("acme", tenants={"*": Tenant(allow=frozenset())})
    route = desk.by_rule("Look up customer 42")
    assert route is not None
    assert (route.kind, route.stage) == ("decline", "rule")
    assert "acme" in route.reason


def test_the_terms_of_a_tenant_of_its_own_go_before_those_of_all() -> None:
    everybody, own = Tenant(deny=frozenset({"a"})), Tenant(allow=frozenset({"a"}))
    routing = ROUTING.model_copy(update={"tenants": {"*": everybody, "acme": own}})
    assert routing.tenant("acme").permits("a")
    assert not routing.tenant("acme").permits("b")
    assert not routing.tenant("else").permits("a")


def test_names_in_the_settings_that_fit_no_specialist_are_told() -> None:
    given = ROUTING.model_dump() | {
        "aliases": {"x": "nobody", "b": "a"},
        "tenants": {
            "acme": {"allow": ["a", "aa"], "deny": ["bb"], "default": "b"},
            "fine": {"allow": ["a"], "default": "a"},
        },
    }
    found = [(one.path, one.reason) for one in mistakes(Routing.model_validate(given), ("a", "b"))]
    assert [path for path, _ in found] == [
        ("aliases", "x"),
        ("aliases", "b"),
        ("tenants", "acme", "allow"),
        ("tenants", "acme", "deny"),
        ("tenants", "acme", "default"),
    ]
    assert "'bb' under 'deny'" in found[3][1]
    with pytest.raises(ConfigError, match="'nobody'"):
        refuse_unknown(Routing.model_validate(given), ("a", "b"), ROOT / "config" / "routing.yaml")


def test_the_bundled_settings_fit_the_bundled_specialists(desk_with: DeskWith) -> None:
    assert list(mistakes(ROUTING, desk_with().registry)) == []


@pytest.mark.parametrize(
    ("answer", "specialist", "text"),
    [
        ("the second", "notify", "do it"),
        ("@docs", "document-research", "do it"),
        ("mail to bob@example.org", "notify", "do it\n\nmail to bob@example.org"),
    ],
)
def test_an_answer_that_chooses_is_decided_by_rule(
    desk_with: DeskWith, answer: str, specialist: str, text: str
) -> None:
    asked = Asked(text="do it", question="?", options=("crm-lookup", "notify"), answer=answer)
    assert sent(desk_with().by_rule(asked.whole, asked=asked)) == [(specialist, text, ())]


def test_an_answer_that_wants_none_of_the_options_goes_to_the_fallback(
    desk_with: DeskWith,
) -> None:
    asked = Asked(text="do it", question="?", options=("crm-lookup", "notify"), answer="Neither.")
    route = desk_with().by_rule(asked.whole, asked=asked)
    assert sent(route) == [("general", "do it", ())]


def test_an_answer_that_settles_nothing_is_left_to_the_next_stage(desk_with: DeskWith) -> None:
    asked = Asked(text="do it", question="?", options=("crm-lookup", "notify"), answer="whatever")
    assert desk_with().by_rule(asked.whole, asked=asked) is None


def test_nobody_gets_the_same_words_twice(desk_with: DeskWith) -> None:
    assert sent(desk_with().by_rule("@crm @crm-lookup @crm who is customer 3?")) == [
        ("crm-lookup", "who is customer 3?", ())
    ]


def test_a_request_with_too_many_addresses_is_refused(desk_with: DeskWith) -> None:
    with pytest.raises(RequestError, match="9 specialists at once"):
        desk_with().by_rule("@crm who is it? " * 9)
