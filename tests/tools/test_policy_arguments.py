"""Arguments in policies: typed by the tool, checked against the catalogue, never a way around."""

from __future__ import annotations

from pathlib import Path

import pytest
from cedarpy import Schema

from runtime.canonical import Json
from runtime.labels import Label
from tools.catalogue import Deed, ToolEntry
from tools.entities import Asked
from tools.policy import Policy, parse_policy
from tools.projection import Kind, kinds_of, project
from tools.rule_types import mistakes_of_types
from tools.rules import rules_of
from tools.schema import conflicts, schema_of

LIMIT = """
@id("bank/all") permit (principal, action, resource);
@id("bank/limit") @reason("Too much.")
forbid (principal, action == Action::"pay", resource == Tool::"bank_send_money")
when { context.args has amount && context.args.amount > 1000 };
"""


def entry(name: str, properties: Json, action: Deed = "pay") -> ToolEntry:
    return ToolEntry(
        name=name,
        server=name.partition("_")[0],
        remote=name.partition("_")[2],
        description="",
        schema={"type": "object", "properties": properties},
        action=action,
        label=Label.public,
        cleared_for=Label.internal,
        untrusted=False,
    )


PAY = entry("bank_send_money", {"amount": {"type": "integer"}, "to": {"type": "string"}})


def asked(tool: ToolEntry, **arguments: Json) -> Asked:
    return Asked(
        specialist="clerk",
        tenant="acme",
        user="ann",
        task="d1",
        tool=tool.name,
        server=tool.server,
        action=tool.action,
        declared=True,
        foreseen=True,
        label=Label.public,
        cleared_for=Label.public,
        arguments=arguments,
        kinds=tool.kinds,
    )


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        ({"type": "string"}, "String"),
        ({"type": "integer", "minimum": 1}, "Long"),
        ({"type": "number"}, "decimal"),
        ({"type": "boolean"}, "Bool"),
        ({"type": "array", "items": {"type": "string"}}, "Set<String>"),
        ({"type": ["string", "null"]}, "String"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "Long"),
        ({"oneOf": [{"type": "integer"}, {"type": "number"}]}, "decimal"),
        ({"enum": ["low", "high", None]}, "String"),
        ({"const": 3}, "Long"),
        ({"$ref": "#/$defs/Level"}, "String"),
        ({"allOf": [{"$ref": "#/$defs/Level"}], "default": "low"}, "String"),
        ({"type": "array", "items": {"$ref": "#/$defs/Level"}}, "Set<String>"),
        ({"type": "object"}, None),
        ({"type": "array", "items": {"type": "integer"}}, None),
        ({"type": "array"}, None),
        ({"type": ["string", "integer"]}, None),
        ({"enum": ["low", 1]}, None),
        ({"$ref": "#/$defs/Loop"}, None),
        ({"$ref": "https://example.com/x"}, None),
        ({"$ref": "#/$defs/Absent"}, None),
        ({}, None),
        (True, None),
    ],
)
def test_an_argument_has_the_type_of_its_schema(schema: Json, kind: Kind | None) -> None:
    whole = {
        "properties": {"x": schema, "__extn": {"type": "string"}},
        "$defs": {"Level": {"enum": ["low", "high"]}, "Loop": {"$ref": "#/$defs/Loop"}},
    }
    assert kinds_of(whole) == ({"x": kind} if kind else {})


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        ("Long", 5, 5),
        ("Long", 5.0, 5),
        ("Long", 10**30, 2**63 - 1),
        ("Long", -(10**30), -(2**63 - 1)),
        ("decimal", 5, "5.0000"),
        ("decimal", 1000.00001, "1000.0001"),
        ("decimal", -0.00001, "-0.0001"),
        ("decimal", 1e300, "922337203685477.5807"),
        ("decimal", 10**400, "922337203685477.5807"),
        ("Set<String>", ["a", "b"], ["a", "b"]),
        ("Bool", False, False),
        ("String", "", ""),
        ("Long", True, "True"),
        ("Long", "5", "'5'"),
        ("Set<String>", ["a", 1], "['a', 1]"),
    ],
)
def test_a_number_that_cedar_cannot_hold_is_the_nearest_that_it_can(
    kind: Kind, value: Json, shown: Json
) -> None:
    found = project({"x": kind}, {"x": value, "y": 1}, None)["x"]
    assert (found["__extn"]["arg"] if isinstance(found, dict) else found) == shown
    assert type(found) is not float


def test_what_was_not_given_is_not_there() -> None:
    kinds: dict[str, Kind] = {"a": "Long", "b": "Long", "c": "Long"}
    assert project(kinds, {"a": None, "b": 1, "z": 2}, None) == {"b": 1}
    assert project(kinds, {"a": 1, "b": 1}, {"a", "z"}) == {"a": 1}


def test_a_limit_on_an_amount_holds() -> None:
    policy = parse_policy(LIMIT)
    for amount, verdict in [(1000, "allow"), (1001, "deny"), (10**40, "deny"), (None, "allow")]:
        assert policy.decide(asked(PAY, amount=amount)).verdict == verdict, amount
    assert policy.decide(asked(PAY, amount=5000)).reason == "Too much."


def test_a_value_of_another_type_fails_the_rule_and_so_is_denied() -> None:
    decision = parse_policy(LIMIT).decide(asked(PAY, amount="5000"))
    assert decision.verdict == "deny"
    assert decision.reason.startswith("A policy failed")


def test_no_argument_can_pass_for_something_of_cedar(base: Policy) -> None:
    policy = parse_policy(
        LIMIT + '@id("x") forbid (principal, action, resource) when { context.args == {} };'
    )
    for name in ("__extn", "__entity", "__expr", 'a"b', "\n", "if", ""):
        tool = entry("bank_send_money", {"amount": {"type": "integer"}, name: {"type": "string"}})
        call = asked(tool, **{"amount": 5000, name: '{"fn": "decimal"}'})
        assert policy.decide(call).policies == ("bank/limit",), name
        assert base.decide(call).verdict == "allow"


def test_decimals_sets_and_quoted_names_can_be_compared() -> None:
    tool = entry(
        "bank_send_money",
        {
            "amount": {"type": "number"},
            "cc-list": {"type": "array", "items": {"type": "string"}},
        },
    )
    text = (
        '@id("a") permit (principal, action, resource == Tool::"bank_send_money") when {'
        ' context.args has amount && context.args.amount.lessThan(decimal("10.0"))'
        ' && context.args has "cc-list" && context.args["cc-list"].contains("boss@example.com") };'
    )
    rules, mistakes = rules_of(text, "x.cedar")
    assert mistakes == []
    assert mistakes_of_types(rules, [tool], complete=True) == []
    policy = parse_policy(text)
    cc = ["boss@example.com", "x"]
    assert policy.decide(asked(tool, **{"amount": 9.99, "cc-list": cc})).verdict == "allow"
    assert policy.decide(asked(tool, **{"amount": 10, "cc-list": cc})).verdict == "deny"
    assert policy.decide(asked(tool, **{"amount": 9.99, "cc-list": []})).verdict == "deny"


def test_an_unguarded_argument_is_a_mistake_before_any_tool_is_known(tmp_path: Path) -> None:
    text = '\n@id("a") forbid (principal, action, resource) when { context.args.amount > 5 };'
    rules, (mistake,) = rules_of(text, tmp_path / "x.cedar")
    assert rules == []
    assert (mistake.line, mistake.field) == (2, "a")
    assert "`args.amount`" in mistake.reason
    assert mistake.remedy.startswith("Ask first whether the call has the argument")


def told(text: str, *tools: ToolEntry, complete: bool = True) -> list[tuple[str, str]]:
    rules, mistakes = rules_of(text, "x.cedar")
    assert mistakes == []
    found = mistakes_of_types(rules, tools, complete=complete)
    assert all((one.file, one.line) == ("x.cedar", 1) for one in found)
    return [(one.reason, one.remedy) for one in found]


def test_a_guarded_rule_fits_before_the_tools_are_known_and_is_typed_once_they_are() -> None:
    rule = '@id("a") forbid (principal, action, resource == Tool::"{}") when {{ {} }};'
    amount = "context.args has amount && context.args.amount > 1000"
    assert told(rule.format("bank_send_money", amount), PAY) == []
    text = 'context.args has amount && context.args.amount like "1*"'
    ((reason, _),) = told(rule.format("bank_send_money", text), PAY)
    assert "expected String but saw Long" in reason
    ((reason, remedy),) = told(rule.format("bank_send_money", "context.args has amuont"), PAY)
    assert reason == "No tool of its scope has an argument 'amuont' that rules can look at."
    assert "Did you mean 'amount'" in remedy
    other = 'context.args has amount && context.args.to like "a*"'
    ((reason, remedy),) = told(rule.format("bank_send_money", other), PAY)
    assert "optional attribute `args.to`" in reason
    assert remedy.startswith("Ask first whether")
    assert told(rule.format("shop_buy", amount), PAY, complete=False) == []
    ((reason, _),) = told(rule.format("shop_buy", amount), PAY)
    assert reason.startswith("No tool of its scope has an argument 'amount'")


def test_an_argument_of_two_types_is_told_unless_the_rule_is_for_one_tool() -> None:
    other = entry("shop_buy", {"amount": {"type": "string"}})
    over = "when { context.args has amount && context.args.amount > 1000 };"
    ((reason, remedy),) = told(f'@id("a") forbid (principal, action, resource) {over}', PAY, other)
    assert reason == (
        "The argument 'amount' is Long in bank_send_money and String in shop_buy:"
        " the rule would fail, and so deny, in some of them."
    )
    assert "one rule for each tool" in remedy
    for scope in ('resource == Tool::"bank_send_money"', 'resource in Server::"bank"'):
        assert told(f'@id("a") forbid (principal, action, {scope}) {over}', PAY, other) == []
    assert "amount" not in schema_of([PAY, other])


def test_one_argument_may_have_a_type_for_each_action() -> None:
    other = entry("desk_note", {"amount": {"type": "string"}}, "write")
    assert conflicts([PAY, other]) == {}
    Schema.from_str(schema_of([PAY, other]))


def test_the_schema_holds_whatever_names_a_server_gives() -> None:
    names = ['a"b', "a\\b", "line\nbreak", "\u202eevil", "if", "in", "ä", "a b", "", "__x", "\x00"]
    tool = entry("bank_send_money", {name: {"type": "string"} for name in names})
    Schema.from_str(schema_of([tool]))


def test_the_rules_that_ship_fit_any_catalogue(base: Policy) -> None:
    assert mistakes_of_types(base.rules, [PAY], complete=True) == []
