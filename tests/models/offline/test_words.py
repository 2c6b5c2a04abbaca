"""Words and briefs: what counts as the same word, and where a section begins and ends."""

from __future__ import annotations

import math

import pytest

from models.offline.brief import read
from models.offline.embed import SIZE, embed
from models.offline.words import name_key, sentences, stem, terms


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("licences", "license"),
        ("denied", "deny"),
        ("running", "run"),
        ("recorded", "records"),
        ("companies", "company"),
        ("addresses", "address"),
        ("includes", "including"),
        ("statuses", "status"),
    ],
)
def test_forms_of_a_word_meet(one: str, other: str) -> None:
    assert stem(one) == stem(other)


def test_names_meet_whatever_their_spelling() -> None:
    assert name_key("customerId") == name_key("customer_id") == name_key("Customer-IDs")


def test_small_words_carry_no_meaning() -> None:
    assert terms("What is the status of her order?") == terms("order status")


def test_sentences_end_where_they_end() -> None:
    text = 'It said "Stop." Then 3.5 files\nwere left. (None was read.) Why?'
    assert sentences(text) == [
        'It said "Stop."',
        "Then 3.5 files were left.",
        "(None was read.)",
        "Why?",
    ]


def test_a_heading_inside_a_fence_begins_no_section() -> None:
    brief = read(
        '## Objective\nDo it.\n\n## Inputs\n```json\n{"a": "## Not a heading"}\n```\n## End\nx'
    )
    assert set(brief.sections) == {"objective", "inputs", "end"}
    assert brief.inputs == {"a": "## Not a heading"}
    assert brief.objective == "Do it."


def test_a_message_without_sections_is_its_own_objective() -> None:
    assert read("Look up customer 42").objective == "Look up customer 42"


def test_vectors_have_length_one_and_point_where_the_words_point() -> None:
    one, two = embed("the red apples"), embed("red apple")
    assert len(one) == SIZE
    assert math.isclose(sum(part * part for part in one), 1.0)
    assert one == two
    assert embed("") == [0.0] * SIZE
