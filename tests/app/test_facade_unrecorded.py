"""What a client of the facade is told when the ledger goes away during its call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from mcp import McpError

from ledger.calls import ToolCalls
from ledger.effects import Effects
from ledger.runs import Runs
from runtime.errors import LedgerUnavailable
from tests.app.facade import CALL, RUN, opened, rows, said, text

OUTCOME = "switchyard/outcome"
SEND: dict[str, dict[str, Any]] = {"s_send": {"foreseen": True}}


@pytest.mark.parametrize(("room", "step"), [(Effects, "settle"), (ToolCalls, "close")])
async def test_an_effect_whose_end_is_not_recorded_is_not_told_as_one_that_was_not_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: type, step: str
) -> None:
    async with opened(tmp_path, tools=SEND) as it, it.client() as client:
        with monkeypatch.context() as broken:
            away(broken, room, step, lambda: bool(it.received))
            told = await client.call_tool("s_send", {"to": "bob"})
        assert told.isError
        assert "s_send was called, but how it ended could not be recorded" in text(told)
        assert "othing was sent" not in text(told)
        assert "bob" not in text(told)
        (row,) = await rows(it, said(told, RUN))
        assert (said(told, CALL), said(told, OUTCOME)) == (row["id"], "unknown")
        assert row["outcome"] == "pending"
        await client.call_tool("s_send", {"to": "bob"})
    assert len(it.received) == 1, "made again, it is not sent again"


async def test_a_result_is_withheld_where_the_label_of_its_session_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path, tools=SEND) as it, it.client() as client:
        with monkeypatch.context() as broken:
            away(broken, Runs, "label", lambda: bool(it.received))
            told = await client.call_tool("s_send", {"to": "bob"})
        assert told.isError
        assert text(told).startswith("The label of this session could not be read, so no result")
        assert text(told).endswith("recorded with the outcome 'ok'; do not repeat it.")
        assert "bob" not in told.model_dump_json()
        (row,) = await rows(it, said(told, RUN))
        assert (said(told, CALL), said(told, OUTCOME)) == (row["id"], row["outcome"])
        again = await client.call_tool("s_send", {"to": "bob"})
        assert (again.isError, said(again, "switchyard/repeated")) == (False, "True")
    assert len(it.received) == 1


@pytest.mark.parametrize(
    ("room", "step"), [(Runs, "label"), (ToolCalls, "open"), (Effects, "begin")]
)
async def test_without_a_ledger_nothing_is_sent_and_that_is_what_clients_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: type, step: str
) -> None:
    async with opened(tmp_path, tools=SEND) as it, it.client() as client:
        with monkeypatch.context() as broken:
            away(broken, room, step, lambda: True)
            with pytest.raises(McpError, match="so nothing was sent"):
                await client.call_tool("s_send", {"to": "bob"})
        assert it.received == []
        assert not (await client.call_tool("s_send", {"to": "bob"})).isError
    assert len(it.received) == 1


def away(broken: pytest.MonkeyPatch, room: type, step: str, now: Callable[[], bool]) -> None:
    """Let one step of the ledger fail while `now` says so."""
    real: Callable[..., Awaitable[object]] = getattr(room, step)

    async def tried(*given: object, **named: object) -> object:
        if now():
            raise LedgerUnavailable("The disk is full.", remedy="Make room.")
        return await real(*given, **named)

    broken.setattr(room, step, tried)
