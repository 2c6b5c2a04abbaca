"""Citations: what is quoted stands on the lines that are named, to the letter."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from models.offline import passages
from models.offline.passages import Passage, Statement
from models.offline.sources import Source
from models.offline.words import terms
from runtime.canonical import Json
from tests.models.offline.asking import TEXT, WHOLE, brief, gives, list_of, object_of, tool, work

PAGE = [
    "# Audit",
    "",
    "Every call goes through the gateway. A denied tool call is recorded as a row",
    "of the audit, with its decision and **reason**.",
    "",
    "- A denied call opens no session.",
    "",
    "```",
    "A denied call in code is no statement.",
    "```",
    "| column | meaning |",
    "|---|---|",
    "| denied | the call was not made |",
]
CITATION = object_of(path=TEXT, start_line=WHOLE, end_line=WHOLE, quote=TEXT)
CITED = object_of(sentences=list_of(object_of(text=TEXT, citations=list_of(CITATION))))


def passage(lines: list[str], start: int = 1, path: str = "a.md") -> Passage:
    return Passage(path=path, start=start, lines=tuple(lines), heading="", evidence=())


def as_json(lines: list[str], start: int = 1, path: str = "a.md") -> Json:
    end = start + len(lines) - 1
    return {"path": path, "start_line": start, "end_line": end, "text": "\n".join(lines)}


def test_a_sentence_is_cited_with_all_the_lines_that_hold_it() -> None:
    found = {one.text: (one.first, one.last) for one in passages.statements(passage(PAGE, 10))}
    assert found[
        "A denied tool call is recorded as a row of the audit, with its decision and reason."
    ] == (12, 13)
    assert found["A denied call opens no session."] == (15, 15)
    assert not any("in code" in text or "# Audit" in text for text in found)


def test_an_answer_quotes_its_lines_exactly() -> None:
    documents = {
        "search": (
            tool("search", "Search passages of documents.", "query", query=TEXT),
            gives({"passages": [as_json(PAGE, 10), as_json(["It rains."], 1, "b.md")]}),
        )
    }
    asked = brief(
        "Answer the question from documents.", {"question": "How is a denied tool call recorded?"}
    )
    sentences = work(asked, documents, CITED).delivered["sentences"]
    assert "recorded as a row" in sentences[0]["text"]
    for sentence in sentences:
        for cited in sentence["citations"]:
            assert cited["path"] == "a.md"
            lines = PAGE[cited["start_line"] - 10 : cited["end_line"] - 9]
            assert cited["quote"] == "\n".join(lines)


def test_passages_among_the_inputs_are_cited_without_any_tool() -> None:
    asked = brief(
        "Answer from the passages.",
        {"question": "What opens no session?", "passages": [as_json(PAGE)]},
    )
    (sentence, *_) = work(asked, {}, CITED).delivered["sentences"]
    assert sentence["text"] == "A denied call opens no session."


def test_what_does_not_touch_the_question_is_not_said() -> None:
    found = passages.best(terms("volcano eruption"), [passage(PAGE)])
    assert found == []


def _holds(statement: Statement) -> bool:
    quoted = statement.quote.split("\n")
    start = statement.first - statement.passage.start
    return quoted == list(statement.passage.lines[start : start + len(quoted)])


LINES = st.lists(
    st.one_of(
        st.sampled_from(["", "- item one. And two!", "> said so.", "# head", "| a | b |", "```"]),
        st.text(alphabet="ab .!?AB*_`|-#\t", max_size=30),
    ),
    max_size=12,
)


@settings(max_examples=200, deadline=None)
@example(lines=["- item one. And two!", "__", "> said so."], start=1)
@given(lines=LINES, start=st.integers(1, 500))
def test_every_statement_stands_on_its_lines(lines: list[str], start: int) -> None:
    page = passage(lines, start)
    for statement in passages.statements(page):
        assert start <= statement.first <= statement.last < start + max(1, len(lines))
        assert _holds(statement)


def test_the_same_passage_from_two_searches_counts_once() -> None:
    one = Source(name="search", value={"passages": [as_json(PAGE)]}, evidence=("ev-1",))
    two = Source(name="search", value={"passages": [as_json(PAGE)]}, evidence=("ev-2",))
    assert len(passages.passages([one, two])) == 1
