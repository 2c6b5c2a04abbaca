"""Contents by their hash: kept once, forgotten by age, never while somebody needs them."""

from __future__ import annotations

import asyncio
import hashlib

import pytest

from ledger.files import Quotas
from ledger.store import Ledger
from runtime.canonical import digest
from tests.ledger.conftest import Clock
from tests.ledger.rows import CONTEXT, RUN, call, start


async def test_exchanges_are_found_by_content_hash_and_forgotten_by_age(
    ledger: Ledger, clock: Clock
) -> None:
    old = await ledger.exchanges.record(RUN, "d1", "model", {"ask": 1}, {"say": 1})
    clock.now = 200.0
    new = await ledger.exchanges.record(RUN, "d1", "model", {"ask": 1}, {"say": 2})
    assert new == digest({"say": 2})
    assert await ledger.exchanges.forget_before(150.0) == 1
    assert await ledger.exchanges.content(old) is None
    assert await ledger.exchanges.content(new) == b'{"say":2}'
    (kept,) = await ledger.exchanges.of_run(RUN)
    assert await ledger.exchanges.content(kept.request) == b'{"ask":1}'


async def test_content_that_is_kept_again_is_young_again(ledger: Ledger, clock: Clock) -> None:
    key = await ledger.exchanges.keep({"n": 1})
    clock.now = 200.0
    assert await ledger.exchanges.keep({"n": 1}) == key
    await ledger.exchanges.forget_before(150.0)
    assert await ledger.exchanges.content(key) == b'{"n":1}'


async def test_nothing_of_an_unfinished_run_is_forgotten(ledger: Ledger, clock: Clock) -> None:
    for run in ("open", "ended"):
        await start(ledger, run)
        await ledger.exchanges.record(run, "d1", "model", {"ask": run}, {"say": run})
    clock.now = 200.0
    await ledger.runs.finish("ended", "done", None)
    assert await ledger.exchanges.forget_before(150.0) == 1
    assert await ledger.exchanges.content(digest({"say": "open"})) is not None
    assert await ledger.exchanges.content(digest({"ask": "open"})) is not None
    assert await ledger.exchanges.content(digest({"say": "ended"})) is None
    assert [len(await ledger.exchanges.of_run(run)) for run in ("open", "ended")] == [1, 0]


async def test_results_of_effects_files_and_open_calls_are_not_forgotten(
    ledger: Ledger, clock: Clock
) -> None:
    await start(ledger)
    result, effect, loose = [
        await ledger.exchanges.keep({"of": name}) for name in ("call", "effect", "nobody")
    ]
    await call(ledger, "c1")
    await ledger.calls.close("c1", "ok", result=result, seconds=0.1)
    await ledger.effects.begin("k", run="ended", task="d1", tool="send", arguments={})
    await ledger.effects.settle("k", "done", effect)
    await ledger.files.write(CONTEXT, "notes.md", "kept", call="c1", quotas=Quotas())
    clock.now = 200.0
    await ledger.exchanges.forget_before(150.0)
    assert await ledger.exchanges.content(result) is not None
    assert await ledger.exchanges.content(effect) is not None
    assert await ledger.exchanges.content(hashlib.sha256(b"kept").hexdigest()) == b"kept"
    assert await ledger.exchanges.content(loose) is None
    await ledger.runs.finish(RUN, "done", None)
    await ledger.exchanges.forget_before(150.0)
    assert await ledger.exchanges.content(result) is None


@pytest.mark.parametrize(
    ("value", "content"),
    [
        ({"n": float("nan")}, b'{"n":"NaN"}'),
        ({"half": "\ud800"}, b'{"half":"?"}'),
        ({"when": {1, 2}.__class__}, b'{"when":"<class \'set\'>"}'),
        ({"nul": "\0"}, b'{"nul":"\\u0000"}'),
    ],
)
async def test_whatever_a_model_or_tool_returned_can_be_kept(
    ledger: Ledger, value: object, content: bytes
) -> None:
    key = await ledger.exchanges.record(RUN, "d1", "tool", {"ask": 1}, value)
    assert await ledger.exchanges.content(key) == content
    assert key == hashlib.sha256(content).hexdigest()


async def test_the_same_contents_may_be_recorded_and_forgotten_at_once(
    ledger: Ledger, other: Ledger, clock: Clock
) -> None:
    a, b = {"a": 1}, {"b": 1}
    await ledger.exchanges.record(RUN, "d1", "model", a, b)
    clock.now = 200.0

    async def one(n: int) -> None:
        used = (ledger, other)[n % 2]
        request, response = (a, b) if n % 4 < 2 else (b, a)
        if n % 5 == 0:
            await used.exchanges.forget_before(150.0)
        await used.exchanges.record(RUN, "d1", "model", request, response)

    await asyncio.gather(*(one(n) for n in range(40)))
    for exchange in await ledger.exchanges.of_run(RUN):
        assert await ledger.exchanges.content(exchange.request) is not None
        assert await ledger.exchanges.content(exchange.response) is not None
