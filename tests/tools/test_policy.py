"""Policy: default deny, forbid before ask before allow, errors deny, mistakes are told by line."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.errors import ConfigError
from runtime.labels import Label
from tools.entities import Asked
from tools.policy import Decision, Policy, check_policy, load_policy, parse_policy


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


@pytest.mark.parametrize(
    ("changes", "verdict", "policies"),
    [
        ({}, "allow", ("base/read-declared",)),
        ({"action": "send"}, "ask", ("base/effect-asks",)),
        ({"action": "pay"}, "ask", ("base/effect-asks",)),
        ({"action": "send", "foreseen": True}, "ask", ("base/effect-asks",)),
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
