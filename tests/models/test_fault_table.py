"""Every fault that a provider can have, over real HTTP: the right end in the right number of
calls, and never a tool call from an answer that broke.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import pytest
from langchain_core.messages import AIMessage

from runtime.errors import ModelFault, ModelUnavailable
from runtime.settings import ROOT
from tests.models.door import CONTEXT, WEATHER, Room, on, room
from tests.models.fault_rows import BAD, BOTH, GOOD, ROWS, UNFIT, Row, Way, Wire, page
from tests.models.listener import Listener
from tests.provider.certificate import self_signed
from tests.provider.exchange import Reply
from tests.provider.faults import Fault
from tests.provider.script import Script, When
from tests.provider.server import ScriptedProvider

VERDICT = {
    "type": "json_schema",
    "json_schema": {
        "name": "verdict",
        "schema": {
            "type": "object",
            "properties": {"ok": {"type": "boolean"}},
            "required": ["ok"],
        },
    },
}


@pytest.fixture(scope="module", autouse=True)
def _loaded(tmp_path_factory: pytest.TempPathFactory) -> None:
    """litellm loads much of itself with the first call of each kind; that is not what is timed."""

    async def once(wire: Wire, way: Way, folder: Path) -> None:
        sound = ROWS[0]
        with ScriptedProvider(Script(GOOD)) as provider:
            async with _opened(folder, sound, wire, provider, provider) as opened:
                await _ask(opened, sound, Listener() if way == "stream" else None)

    for wire in BOTH:
        for way in ("whole", "stream"):
            asyncio.run(once(wire, way, tmp_path_factory.mktemp("loaded")))


def _cases() -> Iterator[object]:
    for number, row in enumerate(ROWS):
        name = row.fault.replace(" ", "-").replace(",", "")
        for turn, wire in enumerate(row.wires):
            for way in row.ways or (("whole", "stream")[(number + turn) % 2],):
                yield pytest.param(row, wire, way, id=f"{number:02d}-{name}-{wire}-{way}")


def _provider(
    stack: ExitStack, lines: Sequence[Fault | Reply], folder: Path, row: Row | None = None
) -> ScriptedProvider:
    """Says the lines, then what is good; of a fault's answer it says what must not be used."""
    faults = {i: line for i, line in enumerate(lines) if not isinstance(line, Reply)}
    said = [line for line in lines if isinstance(line, Reply)]
    state = row.state if row else ""
    provider = ScriptedProvider(
        Script(*said, *([GOOD] * 3)),
        faults=faults,
        carrier=Script(When(lambda _: True, BAD)),
        api_key="right" if state == "another key" else None,
        tls=self_signed(folder) if state == "no certificate" else None,
    )
    if state == "nobody there":
        with provider:
            return provider
    return stack.enter_context(provider)


@asynccontextmanager
async def _opened(
    folder: Path, row: Row, wire: Wire, first: ScriptedProvider, second: ScriptedProvider
) -> AsyncIterator[Room]:
    limits = {"timeout": row.timeout, "max_tokens": 100}
    entries = [on(first, "first", wire, window=row.window, **limits)]
    if row.second is not None:
        entries.append(on(second, "second", wire, order=2, **limits))
    patience = f"{{call_seconds: {row.call_seconds}, pause_seconds: 0.1}}"
    async with room(folder, entries, patience=patience) as opened:
        yield opened


async def _ask(opened: Room, row: Row, listener: Listener | None) -> AIMessage:
    chat = opened.models.chat("work", CONTEXT)
    bound = chat.bind_tools([WEATHER]) if row.asks == "tool" else chat.bind(response_format=VERDICT)
    return await bound.ainvoke("How is Oslo?", {"callbacks": [listener]} if listener else {})


@pytest.mark.parametrize(("row", "wire", "way"), list(_cases()))
async def test_a_fault_ends_as_the_table_says(
    tmp_path: Path, row: Row, wire: Wire, way: Way
) -> None:
    listener = Listener() if way == "stream" else None
    answer: AIMessage | None = None
    error: ModelFault | ModelUnavailable | None = None
    with ExitStack() as stack:
        first = _provider(stack, row.first, tmp_path, row)
        second = _provider(stack, row.second or (), tmp_path)
        async with _opened(tmp_path, row, wire, first, second) as opened:
            began = time.monotonic()
            try:
                answer = await _ask(opened, row, listener)
            except (ModelFault, ModelUnavailable) as caught:
                error = caught
            took = time.monotonic() - began
            outcomes = await opened.outcomes()
            reserved, _ = await opened.spent()
        assert (len(first.calls), len(second.calls)) == row.calls
    assert _end(answer, error) == row.end
    assert row.at_least <= took < 2 * row.within
    assert reserved == pytest.approx(0)
    _nothing_of_the_broken(row, answer, listener)
    # Calls that never left may be in the books, for nothing; none that arrived may be missing.
    assert len(outcomes) >= sum(row.calls)
    if answer is not None:
        assert bool(answer.response_metadata.get("usage_estimated")) is row.estimated


def _end(answer: AIMessage | None, error: ModelFault | ModelUnavailable | None) -> str:
    if answer is not None:
        return str(answer.response_metadata["deployment"])
    if isinstance(error, ModelFault):
        return error.fault
    assert error is not None, "a call ends with an answer or an error"
    return f"-{error.tried[-1][1]}"


def _nothing_of_the_broken(row: Row, answer: AIMessage | None, listener: Listener | None) -> None:
    good = [call.arguments for call in GOOD.tool_calls] if row.asks == "tool" else []
    # An answer without its count is a whole answer; every other one that was spoilt is none.
    if row.estimated:
        good = [call.arguments for call in BAD.tool_calls]
    if row.passed_on:
        good = [call.arguments for call in UNFIT.tool_calls]
    if answer is not None:
        assert [call["args"] for call in answer.tool_calls] == good
    told = listener.calls if listener else []
    assert [id for id, _ in told] == ([answer.id] * len(good) if listener and answer else [])


def test_the_table_has_every_fault_that_is_asked_for() -> None:
    assert len({row.fault for row in ROWS}) >= 25


def test_the_page_on_models_shows_this_table() -> None:
    assert page() in (ROOT / "docs" / "models.md").read_text(encoding="utf-8")


async def test_the_error_names_the_time_that_a_provider_asks_for(tmp_path: Path) -> None:
    row = next(row for row in ROWS if row.end == "-rate_limited")
    with ExitStack() as stack:
        first = _provider(stack, row.first, tmp_path)
        async with _opened(tmp_path, row, "openai", first, first) as opened:
            with pytest.raises(ModelUnavailable, match="asks for 600 s") as caught:
                await _ask(opened, row, None)
    assert caught.value.retry_after == 600
