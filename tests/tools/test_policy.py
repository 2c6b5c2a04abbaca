"""Policy: default deny, forbid before ask before allow, errors deny, mistakes are told by line."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import get_args

import pytest

from ledger.budget import Budget
from runtime.errors import ConfigError
from runtime.labels import Label
from tools.config import Action
from tools.entities import Asked, clock, spent_share
from tools.policy import Decision, Policy, check_policy, load_policy, parse_policy
from tools.provenance import RANKS, ArgumentOrigin, Origin, Provenance


def question(**changes: object) -> Asked:
    usual: dict[str, object] = {
        "specialist": "crm-lookup",
        "tenant": "acme",
        "user": "ann",
        "task": "d1",
        "tool": "crm_get_customer",
        "server": "crm",
        "action": "read",
        "declared": True,
        "foreseen": False,
        "label": Label.internal,
        "cleared_for": Label.internal,
    }
    return Asked(**(usual | changes))  # type: ignore[arg-type]


def provenance(tainted: bool, **origins: Origin) -> Provenance:
    return Provenance(
        tainted=tainted,
        arguments=tuple(
            ArgumentOrigin(name=name, origin=origin, shown="x", source="y")
            for name, origin in origins.items()
        ),
    )


@pytest.mark.parametrize(
    ("changes", "verdict", "policies"),
    [
        ({}, "allow", ("base/read-declared",)),
        ({"action": "send"}, "ask", ("base/unforeseen-asks",)),
        ({"action": "pay"}, "ask", ("base/unforeseen-asks",)),
        ({"action": "send", "foreseen": True}, "allow", ("base/effect-free",)),
        ({"action": "pay", "foreseen": True}, "allow", ("base/effect-free",)),
        ({"action": "send", "foreseen": True, "asks_effects": True}, "ask", ("base/effect-asks",)),
        ({"declared": False}, "deny", ("base/only-declared",)),
        ({"label": Label.regulated}, "deny", ("base/label-within-clearance",)),
        (
            {"label": Label.regulated, "cleared_for": Label.regulated},
            "allow",
            ("base/read-declared",),
        ),
        ({"label": Label.public, "cleared_for": Label.public}, "allow", ("base/read-declared",)),
        ({"declared": False, "action": "store", "server": "files"}, "allow", ("base/own-files",)),
        ({"declared": False, "action": "read", "server": "files"}, "allow", ("base/own-files",)),
        ({"declared": False, "action": "send", "server": "files"}, "deny", ()),
        ({"declared": False, "action": "store"}, "deny", ("base/only-declared",)),
        ({"declared": True, "action": "store"}, "deny", ()),
        (
            {"declared": False, "label": Label.regulated, "action": "send"},
            "deny",
            ("base/label-within-clearance", "base/only-declared"),
        ),
    ],
)
def test_the_shipped_rules(
    base: Policy, changes: dict[str, object], verdict: str, policies: tuple[str, ...]
) -> None:
    decision = base.decide(question(**changes))
    assert (decision.verdict, decision.policies) == (verdict, policies)
    assert decision.reason.endswith((".", ")."))


@pytest.mark.parametrize("action", ["write", "send", "pay", "execute", "delete"])
def test_an_effect_is_free_only_when_foreseen_unasked_and_not_of_strangers(
    base: Policy, action: str
) -> None:
    flags, origins = (False, True), get_args(Origin)
    for declared, foreseen, asks, tainted, origin in product(flags, flags, flags, flags, origins):
        decision = base.decide(
            question(
                action=action,
                declared=declared,
                foreseen=foreseen,
                asks_effects=asks,
                provenance=provenance(tainted, to=origin),
            )
        )
        most = 1 if action in ("delete", "execute") else 2
        free = foreseen and not asks and (not tainted or RANKS[origin] <= most)
        expected = "deny" if not declared else "allow" if free else "ask"
        assert decision.verdict == expected, (declared, foreseen, asks, tainted, origin)


def test_rules_see_origin_time_and_spend() -> None:
    policy = parse_policy(
        '@id("a") permit (principal, action, resource) when { context.tainted'
        ' && context.origin_rank == 3 && context.offending == ["to"] && context.spent_share == 40'
        " && context.hour == 23 && context.weekday == 7 && context.asks_effects };"
    )
    seen: dict[str, object] = {
        "provenance": provenance(True, to="untrusted", cc="trusted"),
        "spent_share": 40,
        "hour": 23,
        "weekday": 7,
        "asks_effects": True,
    }
    assert policy.decide(question(**seen)).verdict == "allow"
    for name in seen:
        less = {key: value for key, value in seen.items() if key != name}
        assert policy.decide(question(**less)).verdict == "deny", name


@pytest.mark.parametrize("action", [*get_args(Action), "store"])
def test_no_rule_is_passed_over_that_the_action_may_meet(action: str) -> None:
    scopes = [
        "action",
        *(f'action == Action::"{one}"' for one in (*get_args(Action), "store")),
        *(f'action in Action::"{one}"' for one in ("read", "effect", "send", "store")),
        'action in [Action::"send", Action::"read"]',
        'action in [Action::"effect", Action::"store"]',
    ]
    rules = [f'@id("r{at}") permit (principal, {one}, resource);' for at, one in enumerate(scopes)]
    policy = parse_policy("\n".join(rules))
    asked = question(action=action)
    # The one tries the rules that are for the action, the other one lets Cedar try all.
    applied = tuple(sorted(rule.id for rule in policy.applied(asked).met))
    assert policy.decide(asked).policies == applied
    assert 2 < len(applied) < len(rules)


def test_only_what_some_rule_looks_at_is_looked_up() -> None:
    blind = parse_policy('@id("a") permit (principal, action, resource) when { context.declared };')
    assert not blind.sees("spent_share")
    for text in ("context.spent_share < 5", "context has spent_share", "context == context"):
        seeing = parse_policy(f'@id("a") permit (principal, action, resource) when {{ {text} }};')
        assert seeing.sees("spent_share"), text


def test_every_rule_that_applies_is_told_also_when_a_forbid_goes_before_it(base: Policy) -> None:
    applied = base.applied(question(label=Label.regulated))
    assert [rule.id for rule in applied.met] == [
        "base/read-declared",
        "base/label-within-clearance",
    ]
    assert applied.failed == ()


def test_a_rule_that_fails_is_told_beside_those_that_apply() -> None:
    policy = parse_policy(
        '@id("all") permit (principal, action, resource);'
        '@id("sum") forbid (principal, action, resource)'
        " when { context.cleared_rank * 9223372036854775807 > 5 };"
    )
    applied = policy.applied(question(cleared_for=Label.regulated))
    assert ([one.id for one in applied.met], [one.id for one in applied.failed]) == (
        ["all"],
        ["sum"],
    )


def test_the_clock_of_a_question_is_utc() -> None:
    assert clock(0) == (0, 4)
    assert clock(1_795_269_600) == (14, 6)
    assert clock(1_795_305_599.9) == (23, 6)
    assert clock(1_795_305_600) == (0, 7)


@pytest.mark.parametrize(
    ("budget", "share"),
    [(None, 0), ((0.0, 0.0, 0.0), 0), ((10.0, 1.0, 3.0), 40), ((10.0, 0.0, 10.0), 100)],
)
def test_the_spend_is_what_is_spent_or_set_aside(
    budget: tuple[float, float, float] | None, share: int
) -> None:
    found = budget and Budget(scope="r", ceiling=budget[0], reserved=budget[1], spent=budget[2])
    assert spent_share(found or None) == share


def test_without_a_policy_that_permits_it_everything_is_denied() -> None:
    policy = parse_policy('@id("a") permit (principal == Specialist::"x", action, resource);')
    assert policy.decide(question()) == Decision(
        verdict="deny",
        policies=(),
        reason="No policy permits crm-lookup to read with crm_get_customer.",
    )


def test_an_ask_is_not_weakened_by_a_broader_permit() -> None:
    policy = parse_policy(
        '@id("all") permit (principal, action, resource);'
        '@id("mail") @ask("Is it right?") permit (principal, action == Action::"send", resource);'
    )
    assert policy.decide(question()).verdict == "allow"
    assert policy.decide(question(action="send")) == Decision(
        verdict="ask", policies=("all", "mail"), reason="Is it right?"
    )


def test_rules_see_server_principal_and_context() -> None:
    policy = parse_policy(
        '@id("a") @reason("Ann may.") permit (principal == Specialist::"crm-lookup",'
        ' action in [Action::"read", Action::"pay"], resource in Server::"crm")'
        ' when { principal.tenant == "acme" && context.user == "ann" && context.task == "d1"'
        ' && !context.foreseen && (context.effect == (action != Action::"read")) };'
    )
    assert policy.decide(question()) == Decision(
        verdict="allow", policies=("a",), reason="Ann may."
    )
    for changes in (
        {"server": "mail"},
        {"tenant": "other"},
        {"user": "bob"},
        {"specialist": "x"},
        {"foreseen": True},
        {"action": "write"},
    ):
        assert policy.decide(question(**changes)).verdict == "deny", changes


def test_to_store_is_no_effect_and_can_be_forbidden() -> None:
    policy = parse_policy(
        '@id("all") permit (principal, action, resource);'
        '@id("effects") forbid (principal, action in Action::"effect", resource);'
        '@id("no-notes") forbid (principal == Specialist::"x", action == Action::"store", resource)'
        " when { !context.effect };"
    )
    store = {"action": "store", "server": "files", "tool": "files_write"}
    assert policy.decide(question(**store)).verdict == "allow"
    assert policy.decide(question(**store, specialist="x")).policies == ("no-notes",)


def test_names_with_quotes_and_line_breaks_are_only_names(base: Policy) -> None:
    odd = 'x" } ; permit(principal, action, resource);\n//'
    for field in ("specialist", "tool", "server", "tenant", "user", "task"):
        assert base.decide(question(declared=False, **{field: odd})).verdict == "deny"
        assert base.decide(question(**{field: odd})).verdict == "allow"


def test_the_same_question_has_the_same_decision(base: Policy) -> None:
    assert len({base.decide(question(action="send")) for _ in range(20)}) == 1


def test_a_policy_that_fails_denies_where_cedar_alone_would_allow() -> None:
    policy = parse_policy(
        '@id("all") permit (principal, action, resource);'
        '@id("sum") forbid (principal, action, resource)'
        " when { context.cleared_rank * 9223372036854775807 > 5 };"
    )
    decision = policy.decide(question(cleared_for=Label.regulated))
    assert decision.verdict == "deny"
    assert decision.reason.startswith("A policy failed: error while evaluating policy `sum`")


@pytest.mark.parametrize(
    ("text", "line", "reason", "remedy"),
    [
        ("\n\npermit (principal, action, resource);", 3, "has no @id", "Begin it with @id"),
        ('// x;\n@id("a")\npermit (principal action, resource);', 2, "does not parse", "syntax"),
        ('@id("a") permit (principal, action, resource)', 1, "does not parse", "semicolon"),
        ('@id("a") permit (principal, action, resource);\n@id("b") permit (principal,\n'
         'action, resource) when { context.declard };', 2, "`declard`", "schema"),
        ('@id("a") permit (principal == User::"x", action, resource);', 1, "User", "schema"),
        ('@id("a") permit (principal, action == Action::"fly", resource);', 1, "fly", "schema"),
        ('@id("a") permit (principal, action, resource) when { context.label > 1 };', 1,
         "", "schema"),
        ('@id("a") permit (principal == ?principal, action, resource);', 1, "template", "Name"),
        ('@id("a") @ask permit (principal, action, resource);', 1, "says nothing", "@ask("),
        ('@id("a") @ask("x") forbid (principal, action, resource);', 1, "cannot ask", "permit"),
        ('@id("a") @aks("x") permit (principal, action, resource);', 1, "@aks", "@ask"),
        ('@id("a") permit (principal, action, resource);\n'
         '@id("a") forbid (principal, action, resource);', 2, "taken by", "of its own"),
    ],
)  # fmt: skip
def test_each_mistake_in_a_file_has_its_line_reason_and_remedy(
    tmp_path: Path, text: str, line: int, reason: str, remedy: str
) -> None:
    file = tmp_path / "x.cedar"
    file.write_text(text)
    (found,) = check_policy(tmp_path)
    assert (found.file, found.line) == (str(file), line)
    assert reason in found.reason
    assert remedy in found.remedy
    with pytest.raises(ConfigError):
        load_policy(tmp_path)


def test_all_mistakes_of_all_files_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.cedar").write_text("permit (principal, action, resource);\nnonsense;")
    (tmp_path / "b.cedar").write_bytes(b"\xff")
    assert [(Path(error.file).name, error.line) for error in check_policy(tmp_path)] == [
        ("a.cedar", 1),
        ("a.cedar", 2),
        ("b.cedar", 0),
    ]


def test_a_folder_without_policies_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no \*\.cedar file"):
        load_policy(tmp_path)


def test_a_decision_that_was_kept_is_that_of_its_own_question_alone(base: Policy) -> None:
    changes: list[dict[str, object]] = [
        {"specialist": "x"},
        {"tenant": "other"},
        {"user": "bob"},
        {"tool": "crm_x"},
        {"server": "files", "declared": False},
        {"action": "send"},
        {"declared": False},
        {"label": Label.regulated},
        {"foreseen": True, "action": "pay"},
        {"foreseen": True, "action": "pay", "provenance": provenance(True, to="untrusted")},
        {"foreseen": True, "action": "pay", "provenance": provenance(True, to="request")},
    ]
    for _ in range(2):
        for change in changes:
            fresh = Policy(base.rules)
            assert base.decide(question(**change)) == fresh.decide(question(**change))
