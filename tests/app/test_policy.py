"""`switchyard policy`: written cases, recorded decisions, why, and what was never tried."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.app.conftest import Invoke

MAIL = "Send an e-mail to anna@example.com that says the build is green"
NIGHT = """
@id("mail/never")
@reason("No mail at all.")
forbid (principal, action == Action::"send", resource == Tool::"notify_send_email")
when { context.args has to && context.args.to like "*@example.com" };
"""


@pytest.fixture
def folder(config: Callable[..., Path]) -> Path:
    return config("notify") / "policy"


def write(file: Path, text: str) -> Path:
    file.write_text(text, encoding="utf-8")
    return file


def test_the_shipped_cases_come_out_as_they_are_written(switchyard: Invoke) -> None:
    done = switchyard("policy", "test")
    assert done.exit_code == 0
    assert done.stdout.endswith("as expected.\n")
    told = json.loads(switchyard("policy", "test", "--json").stdout)
    assert told["as_expected"] is True
    assert all(one["decided"]["verdict"] == one["expected"]["verdict"] for one in told["cases"])


def test_every_shipped_rule_is_met_by_a_case(switchyard: Invoke) -> None:
    done = switchyard("policy", "coverage", "--offline-tools", "--json")
    told = json.loads(done.stdout)
    assert (done.exit_code, told["never_met"]) == (0, [])
    assert all(one["cases"] > 0 for one in told["rules"])


def test_a_case_that_comes_out_otherwise_is_a_diff_and_ends_with_one(
    switchyard: Invoke, tmp_path: Path
) -> None:
    file = write(
        tmp_path / "x.cases.yaml",
        "usual: {tool: desk_act, action: pay}\n"
        "cases:\n"
        "  - case: Payments are free.\n"
        "    foreseen: false\n"
        "    expect: allow\n"
        "  - {case: By the right rule., expect: allow, policies: [base/lasting-effect-free]}\n"
        "  - {case: Fine., expect: allow, policies: [base/effect-free]}\n",
    )
    done = switchyard("policy", "test", str(file))
    assert done.exit_code == 1
    assert done.stdout.splitlines() == [
        f"{file}:3: Payments are free.",
        "  - allow",
        "  + ask by base/unforeseen-asks",
        "    This call changes something outside of the run, and the plan did not foresee it.",
        f"{file}:6: By the right rule.",
        "  - allow by base/lasting-effect-free",
        "  + allow by base/effect-free",
        "    The plan foresaw this call, and what it acts on comes from the request, a person or"
        " a field that no stranger writes.",
        "3 cases, 1 as expected.",
    ]


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("cases: [{case: a, tool: t, action: fly, expect: allow}]", 1, "action"),
        (
            "usual: {hour: 24}\ncases:\n  - {case: a, tool: t, action: read, expect: deny}",
            1,
            "hour",
        ),
        ("cases:\n  - case: a\n    tool: t\n    action: read\n", 2, "'expect' is missing"),
        ("cases:\n  - case: a\n    tol: t\n    action: read\n    expect: deny\n", 2, "'tool'"),
        ("cases: []", 1, "cases"),
        ("cases:\n - {case: a, tool: t, action: pay, expect: ask, args: {x: .inf}}", 2, "args"),
        ("case: [", 1, "not valid YAML"),
    ],
)
def test_a_mistake_in_a_case_is_told_with_line_and_field(
    switchyard: Invoke, tmp_path: Path, text: str, line: int, told: str
) -> None:
    file = write(tmp_path / "x.cases.yaml", text)
    done = switchyard("policy", "test", str(file))
    assert done.exit_code == 2
    assert f"{file}:{line}" in done.stderr
    assert told in done.stderr
    assert "Remedy:" in done.stderr


def test_arguments_of_cases_have_the_types_of_their_values(
    switchyard: Invoke, folder: Path, tmp_path: Path
) -> None:
    rule = (
        '@id("limit") forbid (principal, action == Action::"pay", resource)'
        " when { context.args has amount && context.args.amount > 1000 };"
    )
    write(folder / "own.cedar", rule)
    case = "  - {{case: a, tool: bank_pay, action: pay, args: {{amount: {}}}, expect: {}}}\n"
    text = "cases:\n" + case.format(1000, "allow") + case.format(1001, "deny")
    assert switchyard("policy", "test", str(write(tmp_path / "x.yaml", text))).exit_code == 0


class TestARecordedCall:
    @pytest.fixture
    @staticmethod
    def call(switchyard: Invoke, folder: Path) -> str:
        assert folder.is_dir()
        run = json.loads(switchyard("run", MAIL, "--specialist", "notify", "--json").stdout)["run"]
        calls = json.loads(switchyard("runs", "show", run, "--json").stdout)["tool_calls"]
        (one,) = [call for call in calls if call["tool"] == "notify_send_email"]
        assert one["decision"] == "ask"
        return str(one["id"])

    def test_is_explained_and_decided_again_and_shows_a_change_of_rules(
        self, switchyard: Invoke, folder: Path, call: str
    ) -> None:
        told = self.explained(switchyard, call, code=0)
        assert (told["recorded"]["verdict"], told["now"]["verdict"]) == ("ask", "ask")
        assert {one["id"]: one["role"] for one in told["rules"]} == {"base/effect-asks": "asks"}
        assert told["context"]["asks_effects"] is True
        assert told["context"]["args"]["to"] == "anna@example.com"
        assert "base/effect-asks" in switchyard("policy", "explain", call).stdout
        assert switchyard("policy", "test", "--recorded").exit_code == 0

        write(folder / "night.cedar", NIGHT)
        done = switchyard("policy", "test", "--recorded")
        assert done.exit_code == 1
        assert "  - ask by base/effect-asks\n  + deny by mail/never\n" in done.stdout
        told = self.explained(switchyard, call, code=1)
        assert {one["id"]: one["role"] for one in told["rules"]} == {
            "base/effect-asks": "would permit",
            "mail/never": "forbids",
        }
        recorded = json.loads(switchyard("policy", "test", "--recorded", "--json").stdout)
        (differing,) = recorded["recorded"]["differing"]
        assert (differing["call"], differing["now"]["verdict"]) == (call, "deny")
        self.is_counted_in_the_coverage(switchyard, folder)

    def is_counted_in_the_coverage(self, switchyard: Invoke, folder: Path) -> None:
        write(
            folder / "dead.cedar",
            '@id("dead") permit (principal == Specialist::"x", action, resource);',
        )
        told = json.loads(switchyard("policy", "coverage", "--json").stdout)
        assert told["never_met"] == ["dead"]
        counts = {one["id"]: one["recorded"] for one in told["rules"]}
        assert (counts["mail/never"], counts["dead"]) == (1, 0)
        tools = {one["tool"]: one for one in told["tools"]}
        assert tools["notify_send_email"]["rules"] == ["mail/never"]
        assert tools["notify_post_webhook"]["rules"] == []
        assert not any(
            one["only_default_deny"] for one in tools.values() if one["action"] != "store"
        )

    @staticmethod
    def explained(switchyard: Invoke, call: str, *, code: int) -> dict[str, Any]:
        done = switchyard("policy", "explain", call, "--json")
        assert done.exit_code == code
        return dict(json.loads(done.stdout))


def test_a_call_that_is_not_there_is_told_with_the_way_to_those_that_are(
    switchyard: Invoke,
) -> None:
    done = switchyard("policy", "explain", "c-none")
    assert done.exit_code == 2
    assert "There is no call 'c-none'" in done.stderr
    assert "switchyard runs show" in done.stderr


def test_a_tool_that_no_rule_permits_is_told(switchyard: Invoke, folder: Path) -> None:
    write(folder / "base.cedar", '@id("a") permit (principal, action == Action::"read", resource);')
    cases = write(
        folder / "base.cases.yaml", "cases: [{case: a, tool: t, action: read, expect: allow}]"
    )
    told = json.loads(switchyard("policy", "coverage", str(cases), "--json").stdout)
    only = [one["tool"] for one in told["tools"] if one["only_default_deny"]]
    assert only == ["files_write", "notify_post_webhook", "notify_send_email"]


def test_the_schema_shows_the_arguments_of_a_tool(switchyard: Invoke, folder: Path) -> None:
    done = switchyard("policy", "schema", "notify_send_email")
    assert done.exit_code == 0
    assert '"to"?: String,' in done.stdout
    wrong = switchyard("policy", "schema", "notify_nothing")
    assert wrong.exit_code == 2
    assert "notify_nothing" in wrong.stderr or "catalogue" in wrong.stderr


def test_check_holds_rules_against_the_arguments_of_the_tools(
    switchyard: Invoke, folder: Path
) -> None:
    write(folder / "own.cedar", NIGHT.replace("context.args has to", "context.args has too"))
    done = switchyard("check", "--json")
    told = [one for one in json.loads(done.stdout)["problems"] if one["file"].endswith("own.cedar")]
    assert done.exit_code == 1
    assert [one["field"] for one in told] == ["mail/never"]
