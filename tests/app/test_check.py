"""`switchyard check` over broken files: each names its file, line, reason and remedy."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from app.check import Report, check_all
from app.places import settings_for
from app.route_confusable import confusable
from app.route_near import Example
from models.encoder import open_encoder
from runtime.errors import ConfigError
from runtime.settings import ROOT
from tests.app.conftest import Invoke

BROKEN = Path(__file__).parent.parent / "broken"

# File below `specs`, line, words of the reason, words of the remedy.
SPECS = [
    ("mcp.json", 8, "'absent' does not start", "Run its command by hand"),
    ("specialists/bad-schema.md", 15, "no JSON schema", "Mend the schema"),
    ("specialists/broken-expression.md", 21, "not a JMESPath expression", "Mend the value"),
    ("specialists/broken-yaml.md", 18, "not valid YAML", "Check indentation"),
    ("specialists/cyclic-plan.md", 18, "in a cycle: first, second", "Take out one"),
    ("specialists/denied-tool.md", 18, "policy denies 'crm_add_note'", "Take the tool out"),
    ("specialists/key-twice.md", 18, "'kind' stands here a second time", "Keep one"),
    ("specialists/map-over-nothing.md", 19, "repeats over 'customers'", "Declare it"),
    ("specialists/missing-escalation.md", 2, "'escalation' is missing", "Add 'escalation'"),
    ("specialists/missing-owner.md", 2, "'owner' is missing", "Add 'owner'"),
    ("specialists/name-taken.md", 2, "'fine' is taken by fine.md", "name of its own"),
    ("specialists/names-a-model.md", 23, "'Claude' names a vendor or a model", "Remove it"),
    ("specialists/names-a-model.md", 23, "'GPT-6' names a vendor or a model", "Remove it"),
    ("specialists/near-example.md", 8, "nearly one of 'fine'", "Reword it"),
    ("specialists/no-answer.md", 11, "no property 'answer'", "Add 'answer"),
    ("specialists/no-front-matter.md", 1, "no front matter", "Begin the file"),
    ("specialists/not-utf8.md", 0, "cannot be read", "Save it as UTF-8"),
    ("specialists/same-example.md", 8, "is also one of 'fine'", "Keep it in one"),
    ("specialists/second-fallback.md", 4, "is the fallback already", "Keep 'fallback: true'"),
    ("specialists/strange-input.md", 16, "'ticket' is no input", "mcp.json"),
    ("specialists/task-twice.md", 23, "'first' stands more than once", "an id of its own"),
    ("specialists/to-itself.md", 18, "escalates to itself", "Name another"),
    ("specialists/undeclared-tool.md", 25, "does not list under 'tools'", "Add it to 'tools'"),
    ("specialists/unknown-criterion.md", 26, "none of its inputs", "Name one of: found"),
    ("specialists/unknown-effort.md", 17, "no effort class 'heroic'", "Use one of: quick"),
    ("specialists/unknown-escalation.md", 18, "neither a specialist nor a person", "team: "),
    ("specialists/unknown-field.md", 17, "'efort' is not a known field", "mend its spelling"),
    ("specialists/unknown-input.md", 21, "selects 'customer'", "Declared: question"),
    ("specialists/unknown-output.md", 28, "shows 'verdict'", "Name one of: request, result"),
    ("specialists/unknown-server.md", 16, "no tool server is called 'billing'", "absent, crm"),
    ("specialists/unknown-source.md", 23, "comes from 'third'", "Name the id of a task"),
    ("specialists/unknown-tool.md", 16, "'crm_get_custmer'", "Did you mean 'crm_get_customer'"),
    ("specialists/unreachable.md", 2, "no request can reach", "Mend"),
    ("specialists/wrong-label.md", 17, "data = 'secret'", "Mend the value"),
    ("specialists/wrong-name.md", 2, "is not the file's name", "Rename the file"),
]

CONFIGS = [
    ("limits.yaml", 1, "request_dollars = -1", "Mend the value"),
    ("limits.yaml", 3, "task_seconds' is missing", "Add"),
    ("limits.yaml", 5, "width = 'none'", "Mend the value"),
    ("limits.yaml", 11, "task_second' is not a known field", "mend its spelling"),
    ("mcp.json", 3, "server name 'Bad Name'", "lower case"),
    ("mcp.json", 4, "neither 'command' nor 'url'", "Give the program"),
    ("mcp.json", 5, "both 'command' and 'url'", "Keep one"),
    ("models.yaml", 7, "no `output_cost_per_token`", "Add its price"),
    ("policy/a-syntax.cedar", 3, "does not parse", "Mend its syntax"),
    ("policy/b-schema.cedar", 1, "`colour`", "schema"),
    ("policy/b-schema.cedar", 5, "no annotation @because", "Use @id"),
    ("policy/c-ids.cedar", 1, "no @id", "Begin it with @id"),
    ("policy/c-ids.cedar", 6, "'c/same' is taken", "an id of its own"),
    ("routing.yaml", 1, "'references' is missing", "Add"),
    ("routing.yaml", 1, "promise = 1.5", "Mend the value"),
]

SINGLE = [
    ("environment", "mcp.json", 5, "SWITCHYARD_TEST_TOKEN_THAT_IS_NOT_SET is not set", "Set "),
    ("json", "mcp.json", 3, "is not JSON", "Mend it at this line"),
    ("terms", "mcp.json", 5, "lable", "Known here"),
]


async def test_each_broken_specialist_is_told_with_line_reason_and_remedy(home: Path) -> None:
    report = await check_all(settings_for(), str(BROKEN / "specs"), start_tools=True)
    assert_told(report, BROKEN / "specs", SPECS)


async def test_files_that_are_right_are_not_complained_of(home: Path) -> None:
    report = await check_all(settings_for(), str(BROKEN / "specs"), start_tools=False)
    accused = {Path(one.file).name for one in report.problems}
    assert not accused & {"fine.md", "fine-fallback.md", "base.cedar"}


async def test_each_file_of_the_broken_folder_has_an_expectation(home: Path) -> None:
    expected = {file for file, *_ in SPECS}
    there = {f"specialists/{file.name}" for file in (BROKEN / "specs/specialists").glob("*.md")}
    assert there - expected == {"specialists/fine.md", "specialists/fine-fallback.md"}


async def test_each_broken_configuration_is_told_with_line_reason_and_remedy(home: Path) -> None:
    report = await check_all(settings_for(), str(BROKEN / "configs"), start_tools=False)
    assert_told(report, BROKEN / "configs", CONFIGS)
    own = [one for one in report.problems if Path(one.file).is_relative_to(BROKEN)]
    assert len(own) == len(CONFIGS)


@pytest.mark.parametrize(("folder", "file", "line", "reason", "remedy"), SINGLE)
async def test_a_single_broken_file_is_told(
    home: Path, folder: str, file: str, line: int, reason: str, remedy: str
) -> None:
    report = await check_all(settings_for(), str(BROKEN / folder), start_tools=False)
    assert_told(report, BROKEN / folder, [(file, line, reason, remedy)])


def test_the_command_prints_every_problem_and_ends_with_one(switchyard: Invoke) -> None:
    done = switchyard("check", str(BROKEN / "specs"), "--offline-tools")
    assert done.exit_code == 1
    assert done.stderr == ""
    for file, line, reason, remedy in SPECS:
        if file in ("mcp.json", "specialists/denied-tool.md", "specialists/unknown-tool.md"):
            continue  # only a running server knows these
        assert f"{file}:{line}: " in done.stdout
        assert reason in done.stdout
        assert remedy in done.stdout


def test_the_bundled_installation_has_no_problems(switchyard: Invoke) -> None:
    done = switchyard("check", "--json")
    assert json.loads(done.stdout)["problems"] == []
    assert done.exit_code == 0
    assert json.loads(done.stdout)["counts"]["tool server"] >= 4


def test_a_folder_without_anything_to_check_is_refused(switchyard: Invoke, tmp_path: Path) -> None:
    done = switchyard("check", str(tmp_path))
    assert done.exit_code == 2
    assert "holds nothing that can be checked" in done.stderr
    assert "specialists" in done.stderr


def specialist(folder: Path, name: str, *intents: tuple[str, list[str]]) -> None:
    text = (BROKEN / "specs/specialists/fine.md").read_text()
    front, _, rest = text.partition("intents:\n")
    written = "".join(
        f"  - name: {intent}\n    examples:\n" + "".join(f"      - {one}\n" for one in examples)
        for intent, examples in intents
    )
    rest = rest.partition("outputs:")[2]
    named = front.replace("name: fine", f"name: {name}")
    (folder / "specialists" / f"{name}.md").write_text(f"{named}intents:\n{written}outputs:{rest}")


@pytest.fixture
def confused(home: Path, tmp_path: Path) -> Path:
    """Two specialists, one of whose examples each lies nearer to those of the other."""
    (tmp_path / "specialists").mkdir()
    routing = yaml.safe_load((ROOT / "config" / "routing.yaml").read_text())
    # Aliases stand for specialists that are not here.
    (tmp_path / "routing.yaml").write_text(yaml.safe_dump(routing | {"aliases": {}}))
    parcels = ["Where is my parcel now", "Track the parcel to Porto", "Has the parcel arrived"]
    bills = ["Pay the open bill", "Which bills are due", "Track the parcel of the bill to Porto"]
    specialist(tmp_path, "billing", ("bills", bills))
    specialist(tmp_path, "shipping", ("parcels", parcels))
    return tmp_path


def test_confusable_intents_are_warned_of_with_the_very_examples(
    switchyard: Invoke, confused: Path
) -> None:
    done = switchyard("check", str(confused), "--offline-tools")
    assert done.exit_code == 0
    assert "specialists/billing.md:10: warning: 'billing/bills' is easily confused" in done.stdout
    for part in (
        "'Track the parcel of the bill to Porto' (billing.md:10)",
        "lies nearer to 'Track the parcel to Porto' (shipping.md:9)",
        "remedy: Reword them with what is special to each specialist",
        "No problems, 1 warning",
    ):
        assert part in done.stdout
    told = json.loads(switchyard("check", str(confused), "--offline-tools", "--json").stdout)
    assert told["problems"] == []
    (warning,) = told["warnings"]
    assert (warning["line"], warning["mild"]) == (10, False)
    assert warning["field"] == "intents.0.examples.2"


def test_a_warning_fails_only_where_that_is_asked_for(switchyard: Invoke, confused: Path) -> None:
    assert switchyard("check", str(confused), "--offline-tools", "--strict").exit_code == 1
    bills = ["Pay the open bill", "Which bills are due", "Settle the invoice of the supplier"]
    specialist(confused, "billing", ("bills", bills))
    done = switchyard("check", str(confused), "--offline-tools", "--strict")
    assert (done.exit_code, "warning" in done.stdout) == (0, False)


def test_intents_of_one_specialist_are_only_noted(switchyard: Invoke, confused: Path) -> None:
    (confused / "specialists/shipping.md").unlink()
    parcels = ["Where is my parcel now", "Track the parcel to Porto", "Has the parcel arrived"]
    bills = ["Pay the open bill", "Which bills are due", "Track the parcel of the bill to Porto"]
    specialist(confused, "billing", ("bills", bills), ("parcels", parcels))
    done = switchyard("check", str(confused), "--offline-tools", "--strict")
    assert done.exit_code == 0
    assert "note: 'billing/bills' is easily confused with 'billing/parcels'" in done.stdout


def test_what_is_refused_is_not_warned_of_as_well(switchyard: Invoke, confused: Path) -> None:
    bills = ["Pay the open bill", "Which bills are due", "Please track a parcel to Porto!"]
    specialist(confused, "billing", ("bills", bills))
    told = json.loads(switchyard("check", str(confused), "--offline-tools", "--json").stdout)
    assert [one["reason"] for one in told["problems"]] == [
        "the example 'Track the parcel to Porto' is nearly one of 'billing':"
        " 'Please track a parcel to Porto!' (billing.md:10)"
    ]
    assert told["warnings"] == []


@pytest.mark.parametrize("encoder", ["words", "meaning"])
def test_among_a_thousand_examples_and_more_the_misplaced_one_is_found(encoder: str) -> None:
    opened = open_encoder() if encoder == "meaning" else None
    assert encoder == "words" or opened is not None, "requirements/weights.txt is not installed"
    examples = [
        Example(text=f"{verb} the {noun} {n}", specialist=noun, intent=noun, path=())
        for noun in (f"thing{letter}{other}" for letter in "abcdefghij" for other in "abcdefghijk")
        for n, verb in enumerate(("show", "find", "send", "move", "drop", "lift", "mend") * 2)
    ]
    first, last = examples[0], examples[-1]
    misplaced = replace(first, text=f"show the {last.intent} 77")
    strays = [one for pair in confusable([misplaced, *examples[1:]], opened) for one in pair.strays]
    (found,) = [one for one in strays if one.example == misplaced]
    assert found.nearest.intent == last.intent


def assert_told(report: Report, folder: Path, expected: list[tuple[str, int, str, str]]) -> None:
    for file, line, reason, remedy in expected:
        found = [one for one in report.problems if Path(one.file) == folder / file]
        assert [one for one in found if _fits(one, line, reason, remedy)], (
            f"{file}:{line} {reason!r} not among {[(one.line, one.reason) for one in found]}"
        )


def _fits(one: ConfigError, line: int, reason: str, remedy: str) -> bool:
    return one.line == line and reason in one.reason and remedy in one.remedy
