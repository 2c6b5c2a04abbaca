"""Golden sets: what is read from a file, and what is said of a line that is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from agents.registry import load_registry
from agents.spec import Specialist
from app.golden import Golden, read_golden
from runtime.errors import ConfigError, RequestError
from runtime.settings import ROOT


@pytest.fixture(scope="module")
def specialists() -> Mapping[str, Specialist]:
    return load_registry(ROOT / "agents" / "specialists")


def test_json_lines_and_csv_say_the_same(
    tmp_path: Path, specialists: Mapping[str, Specialist]
) -> None:
    (tmp_path / "a.jsonl").write_text(
        '{"text": "who is it, please", "specialist": "crm-lookup", "intent": "customer-lookup"}\n\n'
        '{"text": "find and mail", "specialist": ["crm-lookup", "notify"]}\n'
        '{"text": "rain?", "specialist": "none"}\n'
    )
    (tmp_path / "b.csv").write_text(
        "\ufefftext,specialist,intent\r\n"
        '"who is it, please",crm-lookup,customer-lookup\r\n'
        "find and mail,crm-lookup; notify,\r\n"
        "rain?,none,\r\n"
    )
    read = [read_golden(tmp_path / name, specialists) for name in ("a.jsonl", "b.csv")]
    assert [one.model_copy(update={"line": 0}) for one in read[0]] == [
        one.model_copy(update={"line": 0}) for one in read[1]
    ]
    assert read[0] == [
        Golden(
            text="who is it, please",
            specialist=("crm-lookup",),
            intent="customer-lookup",
            line=1,
        ),
        Golden(text="find and mail", specialist=("crm-lookup", "notify"), line=3),
        Golden(text="rain?", specialist=(), line=4),
    ]


GOOD = '{"text": "a", "specialist": "none"}'
WRONG = [
    ("{text}", 2, "", "'{text}' is not JSON", "Write {"),
    ("[1]", 2, "", "'[1]' is not an object", "Write {"),
    ('{"specialist": "none"}', 2, "text", "text: Field required", "Write {"),
    ('{"text": "b"}', 2, "specialist", "specialist: Field required", "Write {"),
    ('{"text": " ", "specialist": "none"}', 2, "text", "text = ' ': says nothing", "Write {"),
    ('{"text": "b", "specialist": 5}', 2, "specialist", "specialist = 5: is neither", "Write {"),
    (
        '{"text": "b", "specialist": ["none", "notify"]}',
        2,
        "specialist",
        "'none' stands beside other names",
        "Write {",
    ),
    (
        '{"text": "b", "specialist": "crm-lokup"}',
        2,
        "specialist",
        "specialist = 'crm-lokup': there is none",
        "Use one of crm-lookup, document-research",
    ),
    (
        '{"text": "b", "specialist": "notify", "intent": "fly"}',
        2,
        "intent",
        "intent = 'fly': 'notify' has no such one",
        "Use one of send-email, post-webhook, outbox",
    ),
    (
        '{"text": "b", "specialist": "none", "intent": "fly"}',
        2,
        "intent",
        "belongs to one specialist",
        "Leave 'intent' out",
    ),
    ('{"text": "A", "specialist": "none"}', 2, "text", "stands on line 1 already", "Keep one"),
    (
        '{"text": "b", "specialist": "none", "colour": 1}',
        2,
        "colour",
        "colour = 1: Extra inputs",
        "Write {",
    ),
]


@pytest.mark.parametrize(("row", "line", "field", "reason", "remedy"), WRONG)
def test_a_wrong_line_is_told_with_field_value_and_remedy(
    tmp_path: Path,
    specialists: Mapping[str, Specialist],
    row: str,
    line: int,
    field: str,
    reason: str,
    remedy: str,
) -> None:
    file = tmp_path / "golden.jsonl"
    file.write_text(f"{GOOD}\n{row}\n")
    with pytest.raises(ConfigError) as caught:
        read_golden(file, specialists)
    error = caught.value
    assert (error.file, error.line, error.field) == (str(file), line, field)
    assert reason in error.reason
    assert remedy in error.remedy


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("text,where\na,none\n", 1, "the column 'where' is not one of text, specialist, intent"),
        ("text,intent\na,\n", 1, "the column 'specialist' is missing"),
        ('text,specialist\n"a,none\n', 2, "not valid CSV"),
        ("text,specialist\na,none,more\n", 2, "column 3"),
        ("text,specialist\na,notify;nobody\n", 2, "specialist = 'nobody': there is none"),
    ],
)
def test_a_wrong_csv_is_told_with_its_line(
    tmp_path: Path, specialists: Mapping[str, Specialist], text: str, line: int, reason: str
) -> None:
    file = tmp_path / "golden.csv"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_golden(file, specialists)
    assert caught.value.line == line
    assert reason in caught.value.reason


def test_of_several_wrong_lines_all_are_counted(
    tmp_path: Path, specialists: Mapping[str, Specialist]
) -> None:
    file = tmp_path / "golden.jsonl"
    file.write_text(f"x\n{GOOD}\ny\nz\n")
    with pytest.raises(ConfigError) as caught:
        read_golden(file, specialists)
    assert caught.value.line == 1
    assert "2 more on lines 3, 4." in caught.value.remedy


def test_a_file_that_is_missing_or_empty_is_the_callers_mistake(
    tmp_path: Path, specialists: Mapping[str, Specialist]
) -> None:
    with pytest.raises(RequestError, match="cannot be read"):
        read_golden(tmp_path / "none.jsonl", specialists)
    (tmp_path / "empty.jsonl").write_text("\n")
    with pytest.raises(RequestError, match="holds no request"):
        read_golden(tmp_path / "empty.jsonl", specialists)


def test_the_shipped_golden_set_repeats_no_example(
    specialists: Mapping[str, Specialist],
) -> None:
    rows = read_golden(ROOT / "examples" / "golden.jsonl", specialists)
    examples = {
        example.casefold().rstrip(".?!")
        for one in specialists.values()
        for intent in one.intents
        for example in intent.examples
    }
    assert len(rows) >= 80
    assert not [one.text for one in rows if one.text.casefold().rstrip(".?!") in examples]
    assert sum(not one.specialist for one in rows) >= 10
    assert sum(len(one.specialist) > 1 for one in rows) >= 5
    assert {name for one in rows for name in one.specialist} == set(specialists)
