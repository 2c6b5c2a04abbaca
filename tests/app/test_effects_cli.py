"""`switchyard effects`: what nobody knows the outcome of, and how a person settles it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from graphs.host import here
from ledger.effects import EffectState
from ledger.store import open_ledger
from runtime.context import RunContext
from runtime.labels import Label
from runtime.settings import Settings
from tests.app.conftest import Invoke
from tests.graphs.installation import received, scripted_server
from tools.calls import ToolReply, effect_key
from tools.config import load_tools
from tools.gateway import open_gateway
from tools.policy import parse_policy

OPEN = '@id("test/all") permit (principal, action, resource) when { context.declared };'
CONTEXT = RunContext(run="r1", specialist="tester", task="d1/a", tools=frozenset({"s_send"}))
KEY = effect_key(CONTEXT, "s_send", {"to": "ann"})
SECRET = "planted-in-a-result-12"


async def _cut_off(settings: Settings, state: EffectState, holder: str) -> None:
    async with open_ledger(settings.ledger) as ledger:
        await ledger.runs.start(
            "r1",
            thread="",
            request="x",
            tenant="local",
            user="local",
            label=Label.public,
            docs="",
            holder=holder or None,
        )
        if holder:
            at = here()
            await ledger.processes.renew(holder, host=at.host, pid=at.pid, started_at=at.started_at)
        await ledger.effects.begin(
            KEY, run="r1", task="d1/a", tool="s_send", arguments={"to": "ann"}
        )
        if state != "started":
            await ledger.effects.settle(KEY, state, None)


@pytest.fixture
def cut_off(home: Path, config: Callable[..., Path]) -> Callable[..., None]:
    """An effect that a crash left behind."""
    home.mkdir(parents=True)
    config(s=scripted_server(home))

    def make(state: EffectState = "unknown", holder: str = "") -> None:
        asyncio.run(_cut_off(Settings(home=home), state, holder))

    return make


def call(home: Path) -> ToolReply:
    """The same call once more, through a gateway of its own."""

    async def made() -> ToolReply:
        tools = load_tools(home.parent / "config" / "mcp.json")
        async with (
            open_ledger(Settings(home=home).ledger) as ledger,
            open_gateway(tools, parse_policy(OPEN), ledger, environment={}) as gateway,
        ):
            return await gateway.call(CONTEXT, "s_send", {"to": "ann"}, call="c", ask=_nobody)

    return asyncio.run(made())


async def _nobody(question: object) -> Any:  # noqa: ANN401 - it never returns
    raise AssertionError(question)


def settled(switchyard: Invoke) -> list[dict[str, Any]]:
    shown = json.loads(switchyard("audit", "show", "--run", "r1", "--json").stdout)
    assert switchyard("audit", "verify").exit_code == 0
    return [row["entry"] for row in shown["rows"] if row["entry"]["kind"] == "settled"]


def test_nothing_is_said_to_be_nothing(switchyard: Invoke, home: Path) -> None:
    done = switchyard("effects")
    assert (done.exit_code, done.stdout) == (0, "There is no effect of unknown outcome.\n")
    assert json.loads(switchyard("effects", "--json").stdout) == []


@pytest.mark.parametrize("state", ["unknown", "started"])
def test_an_effect_of_unknown_outcome_is_listed_with_the_command(
    switchyard: Invoke, cut_off: Callable[..., None], state: EffectState
) -> None:
    cut_off(state)
    told = switchyard("effects").stdout
    assert KEY in told
    assert "s_send of run r1, task d1/a" in told
    assert '{"to": "ann"}' in told
    assert "switchyard effects settle KEY done|not-done" in told
    (one,) = json.loads(switchyard("effects", "--json").stdout)
    assert (one["key"], one["state"]) == (KEY, state)


def test_what_was_not_done_is_sent_once_when_it_is_called_again(
    switchyard: Invoke, home: Path, cut_off: Callable[..., None]
) -> None:
    cut_off()
    assert "is not known" in call(home).text
    assert received(home) == []
    told = switchyard("effects", "settle", KEY[:10], "not-done", "--by", "ann").stdout
    assert "may be sent again" in told
    assert [call(home).outcome, call(home).outcome] == ["ok", "ok"]
    assert len(received(home)) == 1
    by = [(one["outcome"], one.get("by", "")) for one in settled(switchyard)]
    assert ("failed", "ann") in by
    assert by[-1] == ("done", "")


def test_what_was_done_is_never_sent_and_the_call_gets_what_the_person_recorded(
    switchyard: Invoke, home: Path, cut_off: Callable[..., None], tmp_path: Path
) -> None:
    cut_off()
    file = tmp_path / "receipt.json"
    file.write_text(json.dumps({"receipt": 7, "password": SECRET}))
    done = switchyard(
        "effects", "settle", KEY, "done", "--result", str(file), "--by", "ann", "--json"
    )
    assert json.loads(done.stdout)["state"] == "done"
    reply = call(home)
    assert (reply.outcome, reply.data) == ("ok", {"receipt": 7, "password": "[masked]"})
    assert "ann looked at the target" in reply.text
    assert received(home) == []
    (only,) = [one for one in settled(switchyard) if one.get("by")]
    assert (only["outcome"], only["by"]) == ("done", "ann")
    assert switchyard("effects").stdout.startswith("There is no effect")


def test_what_was_done_without_a_result_says_so(
    switchyard: Invoke, home: Path, cut_off: Callable[..., None]
) -> None:
    cut_off("started")
    switchyard("effects", "settle", KEY, "done", "--by", "ann")
    assert call(home).text == (
        "ann looked at the target and recorded that it was done. What the target said is not known."
    )
    assert received(home) == []


def test_an_effect_is_settled_once(switchyard: Invoke, cut_off: Callable[..., None]) -> None:
    cut_off()
    assert switchyard("effects", "settle", KEY, "done").exit_code == 0
    again = switchyard("effects", "settle", KEY, "not-done")
    assert again.exit_code == 2
    assert "is settled already: done" in again.stderr


def test_an_effect_under_way_is_neither_listed_nor_settled(
    switchyard: Invoke, cut_off: Callable[..., None]
) -> None:
    cut_off("started", holder="cli-test")
    assert json.loads(switchyard("effects", "--json").stdout) == []
    done = switchyard("effects", "settle", KEY, "not-done")
    assert done.exit_code == 2
    assert "is under way: run r1 is being driven" in done.stderr


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("0000", "done"), "no effect '0000'"),
        (("", "done"), "no effect ''"),
        ((KEY, "not-done", "--result", "x"), "What did not happen has no result."),
        ((KEY, "done", "--result", "/nowhere/x"), "/nowhere/x cannot be read"),
        ((KEY, "maybe"), "'maybe' is not one of 'done', 'not-done'"),
    ],
)
def test_a_mistake_settles_nothing_and_is_a_message(
    switchyard: Invoke, cut_off: Callable[..., None], args: tuple[str, ...], told: str
) -> None:
    cut_off()
    done = switchyard("effects", "settle", *args)
    assert done.exit_code == 2
    assert told in done.stderr
    (one,) = json.loads(switchyard("effects", "--json").stdout)
    assert one["state"] == "unknown"
