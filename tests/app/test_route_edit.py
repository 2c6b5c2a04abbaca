"""An example is written into a specialist file as a person would, and taken out without a trace."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from app.spec_edit import EditFailed, difference, with_example, without_example
from app.spec_source import front_of
from runtime.errors import UserError
from runtime.settings import ROOT

FILE = Path("x.md")
TEXT = """---
name: x # a name
intents:
- name: flow
  examples: [one, "two", 'three',]  # tail
- name: block
  examples:
  - one  # first
  - >-
    folded
    text

  # before the last
  - "last"  # behind

owner: z
---
The body: ---
"""


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("intent", ["flow", "block"])
@pytest.mark.parametrize(
    "example",
    ["hello", "a, b", "a: b # c", 'it\'s "x", [y]', "Über 🙂 {x}", "- x", "true", "@docs x?"],
)
def test_one_line_is_added_and_taken_out_again(ending: str, intent: str, example: str) -> None:
    before = TEXT.replace("\n", ending)
    after = with_example(before, FILE, intent, example)
    data = yaml.safe_load(front_of(after))
    expected = yaml.safe_load(front_of(before))
    place = 0 if intent == "flow" else 1
    expected["intents"][place]["examples"].append(example)
    assert data == expected
    assert without_example(after, FILE, intent, example) == before
    changed = [line for line in difference(FILE, before, after).splitlines() if line[0] in "+-"]
    assert len(changed) == (4 if intent == "flow" else 3)


def test_comments_and_quotes_stay() -> None:
    after = with_example(TEXT, FILE, "block", "new one")
    assert '  - "last"  # behind\n  - new one\n\nowner: z\n' in after
    after = with_example(TEXT, FILE, "flow", "new one")
    assert "[one, \"two\", 'three', new one,]  # tail" in after


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("intent", ["flow", "block"])
def test_any_example_can_be_taken_out(intent: str, place: int) -> None:
    data = yaml.safe_load(front_of(TEXT))
    (found,) = [one for one in data["intents"] if one["name"] == intent]
    gone = found["examples"].pop(place)
    after = without_example(TEXT, FILE, intent, gone)
    assert yaml.safe_load(front_of(after)) == data


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1))
@settings(max_examples=150, deadline=None)
def test_any_words_come_back_or_are_refused(example: str) -> None:
    words = " ".join(example.split())
    for intent in ("flow", "block"):
        try:
            after = with_example(TEXT, FILE, intent, words)
        except UserError:
            continue
        (found,) = [
            one for one in yaml.safe_load(front_of(after))["intents"] if one["name"] == intent
        ]
        assert found["examples"][-1] == words
        assert without_example(after, FILE, intent, words).count("\n") == TEXT.count("\n")


def test_every_shipped_file_can_be_edited() -> None:
    for file in sorted((ROOT / "agents" / "specialists").glob("*.md")):
        before = file.read_text(encoding="utf-8")
        for intent in yaml.safe_load(front_of(before))["intents"]:
            after = with_example(before, file, intent["name"], "an example: of mine")
            assert without_example(after, file, intent["name"], "an example: of mine") == before


def test_what_is_not_there_is_told() -> None:
    with pytest.raises(EditFailed, match="no intent 'none'"):
        with_example(TEXT, FILE, "none", "x")
    with pytest.raises(EditFailed, match="not \\(or no more\\) an example"):
        without_example(TEXT, FILE, "flow", "four")
    with pytest.raises(EditFailed, match="no front matter"):
        with_example("no front", FILE, "flow", "x")


def test_a_list_that_another_key_shares_is_left_alone() -> None:
    shared = "---\nintents:\n- name: a\n  examples: &s [one, two]\n- name: b\n  examples: *s\n---\n"
    with pytest.raises(EditFailed, match="not edited here"):
        with_example(shared, FILE, "b", "three")
