"""Effects that a kill cut off: sent once more only where a key keeps them from happening twice."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from ledger.approvals import Approval
from ledger.store import open_ledger
from runtime.context import RunContext
from runtime.labels import Label
from tests.tools.conftest import OPEN, House, Person, until
from tools.calls import Phase, ToolEvent
from tools.config import load_tools
from tools.gateway import open_gateway
from tools.policy import Policy, parse_policy

TOOLS = {True: "s_send_keyed", False: "s_send"}


class Killed(BaseException):
    """Stands for the end of the process: no handler in between may take it for an error."""


def keyed(house: House) -> dict[str, object]:
    return {"s": house.scripted(keys={"send_keyed": "key"})}


async def killed_at(house: House, policy: Policy | str, phase: Phase, tool: str) -> None:
    """Make the call, and end it at the moment when it reports `phase`."""

    def report(event: ToolEvent) -> None:
        if event.phase == phase:
            raise Killed

    async with house.gate(policy, **keyed(house)) as door:
        with pytest.raises(Killed):
            await door.gateway.call(
                door.context,
                tool,
                {"to": "ann"},
                call="call-1",
                ask=Person("approved"),  # type: ignore[arg-type]
                report=report,
            )


async def states(house: House) -> list[str]:
    return [effect.state for effect in await house.ledger.effects.of_run("r1")]


@pytest.mark.parametrize("with_key", [True, False])
async def test_killed_before_the_claim_it_is_sent_once_afterwards(
    house: House, base: Policy, with_key: bool
) -> None:
    await killed_at(house, base, "asked", TOOLS[with_key])
    assert (await states(house), house.received) == ([], [])
    async with house.gate(base, **keyed(house)) as door:
        reply = await door.call(TOOLS[with_key], ask=Person("approved"), to="ann")
    assert reply.outcome == "ok"
    assert (await states(house), len(house.received)) == (["done"], 1)


@pytest.mark.parametrize("with_key", [True, False])
async def test_killed_after_the_claim_it_is_sent_only_with_a_key(
    house: House, with_key: bool
) -> None:
    await killed_at(house, OPEN, "called", TOOLS[with_key])
    assert (await states(house), house.received) == (["started"], [])
    async with house.gate(**keyed(house)) as door:
        reply = await door.call(TOOLS[with_key], to="ann")
        again = await door.call(TOOLS[with_key], call="call-2", to="ann")
    (effect,) = await house.ledger.effects.of_run("r1")
    if with_key:
        assert (reply.outcome, again.outcome, effect.state) == ("ok", "ok", "done")
        assert [call["arguments"]["key"] for call in house.received] == [effect.key]
        return
    assert (reply.outcome, again.outcome, effect.state) == ("error", "error", "unknown")
    assert "Whether s_send took effect is not known" in reply.text
    assert house.received == []


@pytest.mark.parametrize("with_key", [True, False])
async def test_killed_after_it_was_answered_but_not_recorded_it_is_sent_again_only_with_a_key(
    house: House, monkeypatch: pytest.MonkeyPatch, with_key: bool
) -> None:
    def end(*_: object) -> str:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(house.ledger.exchanges, "prepared", end)
        async with house.gate(**keyed(house)) as door:
            with pytest.raises(Killed):
                await door.call(TOOLS[with_key], to="ann")
    assert (await states(house), len(house.received)) == (["started"], 1)
    async with house.gate(**keyed(house)) as door:
        reply = await door.call(TOOLS[with_key], to="ann")
    assert reply.outcome == ("ok" if with_key else "error")
    assert await states(house) == (["done"] if with_key else ["unknown"])
    assert len(house.received) == (2 if with_key else 1)
    assert len({json.dumps(call) for call in house.received}) == 1, "the same key each time"


async def test_killed_between_the_effects_record_and_the_calls_end_the_label_still_rises(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def end(*_: object) -> Label:
        raise Killed

    servers = {"s": house.scripted(label="regulated", cleared_for="regulated")}
    with monkeypatch.context() as patch:
        patch.setattr(house.ledger.runs, "raise_label", end)
        async with house.gate(**servers) as door:
            with pytest.raises(Killed):
                await door.call("s_send", to="ann")
    assert await states(house) == ["done"]
    assert await house.ledger.runs.label("r1") is Label.public
    async with house.gate(**servers) as door:
        reply = await door.call("s_send", to="ann")
    assert reply.data == {"done": "send", "with": {"to": "ann"}}
    assert await house.ledger.runs.label("r1") is Label.regulated
    assert len(house.received) == 1


async def test_a_cancelled_effect_is_unknown_and_not_sent_again(house: House) -> None:
    async with house.gate() as door:
        sending = asyncio.create_task(door.call("s_send_hang", to="ann"))
        await until(lambda: house.received)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        reply = await door.call("s_send_hang", call="call-2", to="ann")
    assert "is not known" in reply.text
    assert len(house.received) == 1


async def test_a_process_killed_while_the_server_works_leaves_an_unknown_outcome(
    house: House,
) -> None:
    """The real thing: another process, SIGKILL, and the ledger that it leaves behind."""
    config = house.config(s=house.scripted(timeout_seconds=60))
    url = f"sqlite+aiosqlite:///{house.folder / 'ledger.sqlite'}"
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.tools.test_unknown", url, str(config.file)
    )
    try:
        async with asyncio.timeout(60):
            while not house.received:  # noqa: ASYNC110 (another process; there is no event)
                await asyncio.sleep(0.02)
    finally:
        os.kill(child.pid, signal.SIGKILL)
        await child.wait()
    assert await states(house) == ["started"]
    async with house.gate(s=house.scripted(timeout_seconds=0.5)) as door:
        reply = await door.call("s_send_hang", to="ann")
    assert reply.outcome == "error"
    assert "Whether s_send_hang took effect is not known" in reply.text
    assert (await states(house), len(house.received)) == (["unknown"], 1)


async def _nobody(_question: Approval) -> str:
    return "refused"


async def hang(url: str, config: Path) -> None:
    """What the process does that is killed: it waits for a server that does not answer."""
    async with (
        open_ledger(url) as ledger,
        open_gateway(load_tools(config), parse_policy(OPEN), ledger, environment={}) as gateway,
    ):
        context = RunContext(
            run="r1",
            tenant="acme",
            user="ann",
            label=Label.public,
            specialist="tester",
            task="d1/a",
            tools=frozenset({"s_send_hang"}),
        )
        await gateway.call(context, "s_send_hang", {"to": "ann"}, call="call-1", ask=_nobody)  # type: ignore[arg-type]


if __name__ == "__main__":
    asyncio.run(hang(sys.argv[1], Path(sys.argv[2])))
