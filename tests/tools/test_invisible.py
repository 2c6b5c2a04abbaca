"""Characters that nobody sees: removed and told of, wherever a server's words come in."""

from __future__ import annotations

import json

import pytest

from tests.tools.conftest import House
from tools.definition import Definition
from tools.invisible import cleaned, hidden, revealed


@pytest.mark.parametrize(
    ("text", "rest", "taken"),
    [
        ("plain ASCII\twith\nlines", "plain ASCII\twith\nlines", 0),
        ("naïve ≤ 中文 русский", "naïve ≤ 中文 русский", 0),
        ("a\U000e0041\U000e0042b", "ab", 2),
        ("pay\u200b\u200cthe\u2060\ufeff bill", "paythe bill", 4),
        ("left\u202eright\u2066in\u2069", "leftrightin", 3),
        ("soft\u00adhyphen\u3164", "softhyphen", 2),
        ("hi\ufe00\ufe01\U000e0100", "hi", 3),
        ("h\ufe01i\ufe02", "hi", 2),
        ("x👍\U000e0101\U000e0102", "x👍", 2),
        ("x\ufe0f\u200b\ufe0fy", "xy", 3),
        ("❤️ 👨‍👩‍👧 1️⃣", "❤️ 👨‍👩‍👧 1️⃣", 0),
        ("می\u200cخواهم", "می\u200cخواهم", 0),
        ("क्\u200dष", "क्\u200dष", 0),
        ("o\u200dr", "or", 1),
    ],
)
def test_what_nobody_sees_is_removed_and_what_writing_needs_stays(
    text: str, rest: str, taken: int
) -> None:
    assert cleaned(text) == (rest, taken)
    assert hidden(text) is bool(taken)
    assert not hidden(rest)


def test_a_person_is_shown_what_is_hidden() -> None:
    assert revealed("a\U000e0041b\u200b\u200d") == "a\\u{e0041}b\\u{200b}\\u{200d}"
    assert revealed("naïve") == "naïve"


async def test_a_result_is_cleaned_and_the_reply_and_the_record_tell_of_it(house: House) -> None:
    async with house.gate() as door:
        reply = await door.call("s_hidden")
    assert reply.data == {"note": "pay the bill", "fine": "naïve 👍🏽"}
    assert reply.text.startswith('{"note":"pay the bill","fine":"naïve 👍🏽"}\n[4 invisible char')
    assert "data of a stranger" in reply.text
    (row,) = await house.ledger.calls.of_run("r1")
    assert row.result is not None
    kept = await house.ledger.exchanges.content(row.result)
    assert kept is not None
    assert "4 invisible characters were removed" in json.loads(kept)["note"]
    again = await house.ledger.exchanges.content(row.result)
    assert again is not None
    assert not hidden(again.decode())


async def test_a_description_is_cleaned_before_any_agent_reads_it(house: House) -> None:
    (house.folder / "lists").write_text('{"say": "Say it.\\udb40\\udc41\\udb40\\udc42\\u200b"}')
    async with house.gate() as door:
        assert door.gateway.catalogue["s_say"].description == "Say it."


def test_a_schema_with_hidden_names_or_values_is_deceptive_and_one_with_hidden_words_not() -> None:
    def of(**field: object) -> Definition:
        return Definition(name="t", arguments={"type": "object", "properties": {"a": field}})

    assert of(enum=["x\u200b"]).deceptive
    assert Definition(name="t\u200b").deceptive
    described = of(description="x\u200b", type="string")
    assert not described.deceptive
    assert described.listed().schema["properties"]["a"]["description"] == "x"
