"""Runs of the command line that were killed, stopped or cancelled, in real processes."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.app.conftest import Invoke, command, environment
from tests.app.shop import SIDE_BY_SIDE, Shop, Workers, open_shop
from tests.provider import Latency, ScriptedProvider

THINKS = 0.3
"""Seconds that the model takes for an answer; a task takes two."""


@pytest.fixture
def shop(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    with ScriptedProvider(Workers(), latency=Latency(median=THINKS)) as provider:
        opened = open_shop(home, provider)
        for name, value in opened.env.items():
            monkeypatch.setenv(name, value)
        yield opened


@pytest.fixture
def begun(shop: Shop) -> Iterator[subprocess.Popen[str]]:
    """A run of `slow` in a process of its own, once two of its tasks are accepted."""
    work = start("run", "Test the slow", "--specialist", "slow")
    read_until(work, lambda line: " accepted: " in line, times=2)
    yield work
    work.kill()
    work.communicate(timeout=30)


def kill(work: subprocess.Popen[str]) -> None:
    work.kill()
    work.communicate(timeout=30)


def test_a_killed_run_goes_on_beside_the_next_request(
    shop: Shop, begun: subprocess.Popen[str], switchyard: Invoke
) -> None:
    kill(begun)
    run = shop.run()
    kept = shop.accepted(run["id"])
    asked, said = shop.asked(), shop.said()
    assert run["status"] == "running"
    assert 2 <= len(kept) < len(SIDE_BY_SIDE)

    done = switchyard("run", "Test the quick", "--specialist", "quick", "--json")

    assert done.exit_code == 0
    assert json.loads(done.stdout)["run"] != run["id"]
    assert f"going on with run {run['id']}" in done.stderr
    assert f"run {run['id']} is done" in done.stderr
    ended = shop.run(run["id"])
    assert (ended["status"], ended["answer"]["status"], ended["holder"]) == ("done", "done", None)
    assert shop.accepted(run["id"]) == {*SIDE_BY_SIDE, "last"}
    for task in kept:
        assert (shop.asked()[task], shop.said()[task]) == (asked[task], said[task]) == (2, 1)
    assert not reserved(shop)


@pytest.mark.long
def test_every_run_that_was_cut_off_goes_on_by_one_word(shop: Shop, switchyard: Invoke) -> None:
    works = [start("run", "Test the slow", "--specialist", "slow") for _ in range(2)]
    for work in works:
        read_until(work, lambda line: " accepted: " in line, times=1)
    for work in works:
        kill(work)
    shop.slower(0.0)
    done = switchyard("resume", "--json")
    ended = json.loads(done.stdout)
    assert done.exit_code == 0
    assert [one["status"] for one in ended] == ["done", "done"]
    assert {row["status"] for row in shop.rows("SELECT status FROM runs")} == {"done"}
    assert switchyard("resume").stdout == "No run was cut off.\n"


@pytest.mark.long
def test_a_run_can_be_left_alone(
    shop: Shop, begun: subprocess.Popen[str], switchyard: Invoke
) -> None:
    kill(begun)
    done = switchyard("run", "Test the quick", "--specialist", "quick", "--no-recover")
    assert (done.exit_code, "going on" in done.stderr) == (0, False)
    assert {row["status"] for row in shop.rows("SELECT status FROM runs")} == {"running", "done"}


def test_a_run_that_its_person_stopped_waits_for_that_person(
    shop: Shop, begun: subprocess.Popen[str], switchyard: Invoke
) -> None:
    begun.send_signal(signal.SIGINT)
    begun.communicate(timeout=30)
    run = shop.run()
    assert begun.returncode == 130
    assert (run["status"], run["holder"]) == ("stopped", None)
    assert switchyard("resume").stdout == "No run was cut off.\n"
    assert "stopped" in switchyard("runs").stdout
    shop.slower(0.0)
    done = switchyard("resume", run["id"], "--json")
    assert json.loads(done.stdout)["status"] == "done", done.stderr


def test_a_run_that_somebody_drives_is_not_driven_twice(
    shop: Shop,
    begun: subprocess.Popen[str],
    switchyard: Invoke,
) -> None:
    shop.slower(20.0)  # it shall not end meanwhile
    run = shop.run()
    done = switchyard("resume", run["id"])
    assert done.exit_code == 2
    assert f"is driven by process {run['holder']}" in done.stderr
    assert switchyard("resume").stdout == "No run was cut off.\n"


def test_a_run_is_cancelled_from_another_terminal(
    shop: Shop, begun: subprocess.Popen[str], switchyard: Invoke
) -> None:
    shop.slower(20.0)
    run = shop.run()["id"]
    read_until(begun, lambda line: "running" in line, times=1)
    asked = time.monotonic()
    done = switchyard("cancel", run, "--json")
    took = time.monotonic() - asked
    told = json.loads(done.stdout)
    out, _ = begun.communicate(timeout=10)
    requests = len(shop.provider.calls)

    assert (done.exit_code, told["status"]) == (0, "cancelled")
    assert took < 4
    assert begun.returncode == 6
    kept = shop.accepted(run)
    states = shop.states(run)
    assert {states[task] for task in kept} == {"accepted"}
    assert {states[task] for task in {*SIDE_BY_SIDE, "last"} - kept} == {"cancelled"}
    row = shop.run(run)
    assert row["status"] == row["answer"]["status"] == "cancelled"
    assert row["cancel_by"] == told["by"]
    for task in kept:
        assert f"d1/{task}" in row["answer"]["text"].partition("Not done")[0]
    assert "d1/last" in out.partition("Not done")[2]
    assert not reserved(shop)
    assert len(shop.provider.calls) == requests
    again = switchyard("cancel", run)
    assert (again.exit_code, "has ended: cancelled" in again.stderr) == (2, True)
    shown = switchyard("runs", "show", run).stdout
    assert "cancelled" in shown


@pytest.mark.long
def test_a_killed_run_can_be_cancelled_instead(
    shop: Shop, begun: subprocess.Popen[str], switchyard: Invoke
) -> None:
    kill(begun)
    run = shop.run()["id"]
    assert json.loads(switchyard("cancel", run, "--json").stdout)["status"] == "cancelled"
    assert shop.states(run)["last"] == "cancelled"
    assert switchyard("resume").stdout == "No run was cut off.\n"
    assert not reserved(shop)


class TestTwoQuestions:
    """Both mails wait for a person, each under its own id."""

    @pytest.fixture
    def asked(self, shop: Shop, switchyard: Invoke) -> dict[str, str]:
        """The approval by who gets the mail."""
        shop.slower(0.0)
        done = switchyard("run", "Test the mails", "--specialist", "mails", "--json")
        pending = json.loads(done.stdout)["pending"]
        assert done.exit_code == 3
        assert shop.run()["status"] == "paused"
        return {one["question"]["arguments"]["to"]: one["approval"] for one in pending}

    def test_one_answer_leaves_the_run_paused_for_the_other(
        self, shop: Shop, asked: dict[str, str], switchyard: Invoke
    ) -> None:
        first = switchyard("answer", asked["ann"], "approve", "--json")
        run = shop.run()
        assert first.exit_code == 3
        assert [one["approval"] for one in json.loads(first.stdout)["pending"]] == [asked["bob"]]
        assert (run["status"], run["holder"], shop.sent()) == ("paused", None, ["ann"])
        assert shop.states(run["id"])["mail-bob"] == "paused"

        second = switchyard("answer", asked["bob"], "approve", "--json")

        assert (second.exit_code, json.loads(second.stdout)["status"]) == (0, "done")
        assert shop.sent() == ["ann", "bob"]
        states = shop.rows("SELECT task, state FROM transitions WHERE state = 'paused'")
        assert sorted(row["task"] for row in states) == ["d1/mail-ann", "d1/mail-bob"]

    def test_an_answer_whose_run_is_killed_is_not_lost(
        self, shop: Shop, asked: dict[str, str], switchyard: Invoke
    ) -> None:
        shop.slower(5.0)
        work = start("answer", asked["ann"], "approve")
        read_until(work, lambda line: "desk_send answered" in line, times=1)
        kill(work)
        run = shop.run()
        assert (run["status"], shop.sent()) == ("running", ["ann"])
        shop.slower(0.0)
        resumed = json.loads(switchyard("resume", "--json").stdout)
        assert [one["approval"] for one in resumed[0]["pending"]] == [asked["bob"]]
        assert shop.run()["status"] == "paused"
        assert shop.sent() == ["ann"]
        done = switchyard("answer", asked["bob"], "refuse", "--json")
        assert json.loads(done.stdout)["pending"] == []
        assert shop.sent() == ["ann"]

    def test_cancelling_withdraws_what_was_asked(
        self, shop: Shop, asked: dict[str, str], switchyard: Invoke
    ) -> None:
        run = shop.run()["id"]
        assert switchyard("cancel", run).exit_code == 0
        states = {row["state"] for row in shop.rows("SELECT state FROM approvals")}
        assert states == {"withdrawn"}
        assert shop.states(run) == {
            "mail-ann": "cancelled",
            "mail-bob": "cancelled",
            "t0": "accepted",
        }
        late = switchyard("answer", asked["ann"], "approve")
        assert (late.exit_code, "withdrawn" in late.stderr, shop.sent()) == (2, True, [])
        # Its thread takes a new request again.
        more = ("run", "Test the quick", "--specialist", "quick", "--thread", run)
        assert switchyard(*more).exit_code == 0


def reserved(shop: Shop) -> list[dict[str, Any]]:
    return shop.rows("SELECT scope, reserved FROM budgets WHERE reserved > 1e-9")


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(*arguments),
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def read_until(work: subprocess.Popen[str], holds: object, *, times: int) -> None:
    """Read progress until so many lines hold; the test's own limit bounds the wait."""
    assert work.stderr is not None
    assert callable(holds)
    lines: list[str] = []
    for line in work.stderr:
        lines.append(line)
        if re.search(r"\S", line) and holds(line):
            times -= 1
        if times == 0:
            return
    raise AssertionError(f"the run ended before: {lines}")
