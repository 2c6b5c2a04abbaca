"""A call that its server refuses until a person has been somewhere else."""

from __future__ import annotations

import pytest
from mcp.types import URL_ELICITATION_REQUIRED, ErrorData

from runtime.canonical import Json
from tests.tools.conftest import SERVERS, House
from tools.refusal import words_of


def keeper(house: House) -> Json:
    return {
        "command": "${PYTHON}",
        "args": [str(SERVERS / "gatekeeper.py"), str(house.folder / "door")],
        "switchyard": {"cleared_for": "internal", "timeout_seconds": 10},
    }


async def test_an_effect_that_needs_an_address_first_is_sent_once_a_person_was_there(
    house: House,
) -> None:
    async with house.gate(s=keeper(house)) as door:
        before = await door.call("s_pay", to="bob")
        (house.folder / "door").touch()
        after = await door.call("s_pay", to="bob", call="call-2")
    assert before.outcome == "error"
    assert "Log in first. A person has to open this first" in before.text
    assert "https://bank.example/in (Log in.)" in before.text
    assert (after.outcome, after.text) == ("ok", "paid bob")


@pytest.mark.parametrize("data", [None, ["x"], "x", {"elicitations": 7}, {"elicitations": ["x"]}])
def test_an_address_that_is_none_leaves_the_message(data: Json) -> None:
    error = ErrorData(code=URL_ELICITATION_REQUIRED, message="Wait\u200b.", data=data)
    assert words_of(error) == "Wait."


def test_other_errors_are_told_without_invisible_characters() -> None:
    assert words_of(ErrorData(code=-32603, message="no\U000e0041pe")) == "nope"
