"""`approval: effects` goes down: what a specialist hands on asks a person as well."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.canonical import Json
from tests.app.shop import Workers, task
from tests.graphs.installation import (
    installation,
    received,
    scripted_server,
    specialist,
    written,
)
from tests.graphs.test_nested import CLASSES
from tests.provider import ScriptedProvider


def outer(approval: str) -> str:
    sub: Json = {
        "id": "sub",
        "objective": "[sub] Have it sent.",
        "specialist": "inner",
        "output": {"type": "object", "required": ["said"], "properties": {"said": {}}},
    }
    return specialist(
        "outer",
        [sub],
        outputs={"said": {"from": "sub", "select": "said"}},
        tools=["desk_send"],
        effort="outer",
        approval=approval,
    )


def inner(approval: str) -> str:
    return specialist(
        "inner",
        [task("mail-ann", tool="desk_send")],
        outputs={"said": {"from": "mail-ann", "select": "said"}},
        tools=["desk_send"],
        effort="inner",
        approval=approval,
    )


@pytest.mark.parametrize(
    ("above", "below", "asked"),
    [("none", "none", 0), ("none", "effects", 1), ("effects", "none", 1)],
)
async def test_a_child_asks_where_it_or_its_parent_wants_a_person(
    tmp_path: Path, above: str, below: str, asked: int
) -> None:
    with ScriptedProvider(Workers()) as provider:
        servers = {"desk": scripted_server(tmp_path)}
        config = written(tmp_path, provider=provider, limits=CLASSES, servers=servers)
        texts = (outer(above), inner(below))
        async with installation(tmp_path, *texts, config=config) as driver:
            told = await driver.ask("@outer go", decide=lambda _question: "approve")
    assert [(one["kind"], one["task"]) for one in told.questions] == [
        ("effect", "d1/sub/mail-ann")
    ] * asked
    assert len(received(tmp_path)) == 1, told.message
