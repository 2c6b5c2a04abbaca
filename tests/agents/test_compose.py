"""Composed answers hold exactly what was selected from results."""

from __future__ import annotations

from agents.compose import compose
from agents.spec import Section
from runtime.canonical import Json

ROWS: list[Json] = [
    {"name": "a", "licence": "MIT", "evidence": ["c-1"]},
    {"name": "b|c", "licence": None, "evidence": []},
]


def test_counts_and_tables_come_from_the_outputs() -> None:
    text = compose(
        [
            Section(text="{n} packages.", values={"n": "length(rows)"}),
            Section(title="All", table="rows", columns=("name", "licence", "evidence")),
            Section(title="Bad", table="rows[?licence == 'X']", columns=("name",)),
        ],
        {"rows": ROWS},
    )
    assert text == (
        "2 packages.\n\n"
        "## All\n\n"
        "| name | licence | evidence |\n|---|---|---|\n"
        "| a | MIT | c-1 |\n| b\\|c | – | – |\n\n"
        "## Bad\n\nNone."
    )


def test_items_are_filled_from_their_own_fields() -> None:
    sections = [Section(items="rows", text="**{name}**: {licence}"), Section(items="none")]
    assert compose(sections, {"rows": ROWS}) == "- **a**: MIT\n- **b|c**: –\n\nNone."


def test_cited_sentences_share_the_number_of_a_source() -> None:
    citation = {"path": "x.md", "start_line": 3, "end_line": 4, "quote": "one\ntwo"}
    other = citation | {"start_line": 9, "end_line": 9, "quote": "nine"}
    outputs: dict[str, Json] = {
        "said": [
            {"text": "First.", "citations": [citation]},
            {"text": "Second.", "citations": [citation, other]},
        ]
    }
    assert compose([Section(cited="said")], outputs) == (
        "- First. [1]\n- Second. [1][2]\n\n"
        "[1] x.md:3-4\n    > one\n    > two\n[2] x.md:9-9\n    > nine"
    )
