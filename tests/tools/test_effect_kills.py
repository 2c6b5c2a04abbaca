"""Effects are sent once, whoever is killed and whoever else makes the same call at that instant.

The whole of it, a hundred kills of each kind, is `make bench-effects`; this is a sample.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from bench.effects import Tally, hold_up
from bench.effects_case import Case, Kind, Place
from ledger.effects import Effects as LedgerEffects
from ledger.effects import EffectState
from ledger.store import open_ledger
from runtime.canonical import Json
from runtime.settings import ROOT
from tests.tools.conftest import OPEN, Door, House
from tools.calls import effect_key
from tools.effects import Effects
from tools.gateway import open_gateway
from tools.policy import parse_policy

SAMPLE = """
import json, pathlib, random, sys, tempfile
from bench.effects import kill_all
from bench.effects_case import prepare
from bench.effects_target import Target

told = {}
with tempfile.TemporaryDirectory() as folder, Target() as target:
    place = prepare(pathlib.Path(folder), target)
    for kind, kills in (("keyed", 2), ("keyless", 3)):
        told[kind] = kill_all(place, target, kind, kills, random.Random(1), 0.005).as_json()
print(json.dumps(told))
"""


def test_killed_between_an_effect_and_its_record_it_happens_once() -> None:
    # A process of its own: only one without threads may be copied.
    done = subprocess.run(
        [sys.executable, "-c", SAMPLE],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    for kind, kills in (("keyed", 2), ("keyless", 3)):
        found = told[kind]
        assert found["faults"] == []
        assert (found["kills"], found["effects"], found["twice"]) == (kills, kills, 0)
    assert told["keyless"]["sent_again"] == 0
    assert told["keyed"]["unknown"] == 0


class _Wrong:
    """A target, and a ledger, that tell of something that may not be."""

    def __init__(self, effects: int) -> None:
        self._effects = effects

    def hold(self, seconds: float) -> None:
        pass

    def counts(self) -> dict[str, dict[str, int]]:
        return {"effects": {"c": self._effects}, "calls": {"c": self._effects}}


@pytest.mark.parametrize(
    ("kind", "happened", "replies", "state"),
    [
        ("keyed", 2, [{"outcome": "ok", "text": "receipt 1 of c"}], "done"),
        ("keyed", 1, [{"outcome": "error", "text": "it failed"}], "done"),
        ("keyless", 2, [{"outcome": "error", "text": "is not known, so it is not called again"}],
         "unknown"),
        ("keyless", 1, [{"outcome": "ok", "text": "receipt 1 of c"}], "unknown"),
        ("keyless", 1, [{"outcome": "error", "text": "is not known, so it is not called again"}],
         "done"),
    ],
)  # fmt: skip
def test_whatever_may_not_be_is_a_fault(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
    kind: Kind,
    happened: int,
    replies: list[Json],
    state: str,
) -> None:
    monkeypatch.setattr("bench.effects.again", lambda _case: replies)
    monkeypatch.setattr(Case, "state", property(lambda _case: state))
    case = Case(name="c", kind=kind, place=Place(folder=tmp_path_factory.mktemp("none")))
    tally = Tally()
    hold_up(case, "claimed", _Wrong(happened), tally, crowd=0)  # type: ignore[arg-type]
    assert len(tally.faults) == 1


@asynccontextmanager
async def doors(house: House, count: int, **servers: Json) -> AsyncIterator[list[Door]]:
    """So many gateways on one ledger file, as different processes hold them: nothing is shared."""
    config = house.config(**servers)
    url = f"sqlite+aiosqlite:///{house.folder / 'ledger.sqlite'}"
    async with AsyncExitStack() as stack:
        opened = []
        for _ in range(count):
            ledger = await stack.enter_async_context(open_ledger(url))
            gate = open_gateway(config, parse_policy(OPEN), ledger, environment={})
            gateway = await stack.enter_async_context(gate)
            opened.append(Door(house=house, gateway=gateway))
        yield opened


@pytest.mark.parametrize("tool", ["s_send", "s_send_keyed"])
async def test_an_effect_that_four_gateways_make_at_once_happens_once(
    house: House, tool: str
) -> None:
    async with doors(house, 4, s=house.scripted(keys={"send_keyed": "key"})) as gates:
        replies = await asyncio.gather(
            *(door.call(tool, call=f"call-{n}", to="ann") for n, door in enumerate(gates))
        )
        again = [await door.call(tool, call="again", to="ann") for door in gates]
    sent = {json.dumps(call) for call in house.received}
    assert len(sent) == 1
    if tool == "s_send":
        assert len(house.received) == 1
    told = [reply for reply in replies if reply.outcome != "ok"]
    assert len(told) < len(replies)
    assert all("is not known" in reply.text for reply in told)
    assert {reply.outcome for reply in again} == {"ok"}
    (effect,) = await house.ledger.effects.of_run("r1")
    assert effect.state == "done"


@pytest.mark.parametrize("before", ["started", "unknown", "failed"])
async def test_an_effect_that_is_not_done_is_taken_up_by_one_gateway_at_most(
    house: House, monkeypatch: pytest.MonkeyPatch, before: EffectState
) -> None:
    key = effect_key(house.context, "s_send", {"to": "ann"})
    await house.ledger.effects.begin(
        key, run="r1", task="d1/a", tool="s_send", arguments={"to": "ann"}
    )
    await house.ledger.effects.settle(key, before, None)
    barrier = asyncio.Barrier(4)
    begin = LedgerEffects.begin

    async def together(*args: object, **kwargs: object) -> object:
        """All of them know what is on record before any of them changes it."""
        found = await begin(*args, **kwargs)  # type: ignore[arg-type]
        async with asyncio.timeout(10):
            await barrier.wait()
        return found

    monkeypatch.setattr(LedgerEffects, "begin", together)
    async with doors(house, 4, s=house.scripted()) as gates:
        await asyncio.gather(
            *(door.call("s_send", call=f"call-{n}", to="ann") for n, door in enumerate(gates))
        )
    assert len(house.received) == (1 if before == "failed" else 0)
    effect = await house.ledger.effects.get(key)
    assert effect is not None
    assert effect.state == ("done" if before == "failed" else "unknown")


async def test_what_is_done_stays_done(house: House) -> None:
    key, effects = "k", Effects(house.ledger)
    await house.ledger.effects.begin(key, run="r1", task="d1/a", tool="s_send", arguments={})
    await effects.settle(key, "done", "f" * 64)
    late: tuple[EffectState, ...] = ("unknown", "failed", "started")
    for state in late:
        await effects.settle(key, state)
    effect = await house.ledger.effects.get(key)
    assert effect is not None
    assert (effect.state, effect.result) == ("done", "f" * 64)
