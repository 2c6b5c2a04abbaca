"""Runs from the command line: answers, questions, resumption, and what is shown of them."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from tests.app.conftest import Invoke, command, environment

MAIL = "Send an e-mail to anna@example.com that the parcel has been shipped"


def test_an_answer_goes_to_stdout_and_progress_to_stderr(
    switchyard: Invoke, config: Callable[..., Path]
) -> None:
    config()
    done = switchyard("run", "What can you do?")
    assert done.exit_code == 0
    assert "route: general (by local:" in done.stderr
    assert "d1 accepted" in done.stderr
    assert "Status: done" in done.stdout
    assert "route:" not in done.stdout
    run = re.search(r"run ([0-9a-f-]{36})", done.stdout)
    assert run is not None
    assert f"switchyard runs show {run.group(1)}" in done.stdout


def test_json_is_one_object_on_stdout_and_nothing_else(
    switchyard: Invoke, config: Callable[..., Path]
) -> None:
    config()
    done = switchyard("run", "What can you do?", "--json")
    answer = json.loads(done.stdout)
    assert done.exit_code == 0
    assert (answer["status"], answer["pending"], answer["offline"]) == ("done", [], True)
    assert answer["model_calls"] > 0


def test_an_unknown_specialist_is_rejected_with_code_2(
    switchyard: Invoke, config: Callable[..., Path]
) -> None:
    config()
    done = switchyard("run", "Do something", "--specialist", "nobody", "--json")
    answer = json.loads(done.stdout)
    assert (done.exit_code, answer["status"]) == (2, "rejected")
    assert "no specialist 'nobody'" in answer["text"]
    assert "crm-lookup" in answer["text"]


class TestAPausedRun:
    """One message that waits for approval: nobody is at a terminal."""

    @pytest.fixture
    def paused(self, switchyard: Invoke, config: Callable[..., Path]) -> dict[str, Any]:
        config("notify")
        done = switchyard("run", MAIL, "--specialist", "notify", "--json")
        assert done.exit_code == 3
        return dict(json.loads(done.stdout))

    def test_names_the_question_and_the_command_that_answers(
        self, switchyard: Invoke, paused: dict[str, Any]
    ) -> None:
        (question,) = paused["pending"]
        assert paused["status"] == "paused"
        assert question["question"]["tool"] == "notify_send_email"
        assert question["answer"] == f"switchyard answer {question['approval']} approve|refuse"
        listed = json.loads(switchyard("approvals", "--json").stdout)
        assert [one["id"] for one in listed] == [question["approval"]]
        assert question["answer"] in switchyard("approvals").stdout

    def test_sends_after_approval_and_is_answered_once(
        self, switchyard: Invoke, paused: dict[str, Any]
    ) -> None:
        approval = paused["pending"][0]["approval"]
        undecided = switchyard("answer", approval, "perhaps")
        assert (undecided.exit_code, "approve, or refuse" in undecided.stderr) == (2, True)
        done = switchyard("answer", approval, "approve", "--json")
        assert (done.exit_code, json.loads(done.stdout)["run"]) == (0, paused["run"])
        assert self.outcomes(switchyard, paused) == ["ok"]
        again = switchyard("answer", approval, "approve")
        assert again.exit_code == 2
        assert "answered already: approved" in again.stderr
        assert switchyard("approvals").stdout == "Nothing waits for a person.\n"

    def test_sends_nothing_after_refusal(self, switchyard: Invoke, paused: dict[str, Any]) -> None:
        done = switchyard("answer", paused["pending"][0]["approval"], "refuse", "--json")
        assert json.loads(done.stdout)["pending"] == []
        assert set(self.outcomes(switchyard, paused)) == {"refused"}
        assert self.record(switchyard, paused)["effects"] == []

    def test_takes_no_new_request_on_its_thread(
        self, switchyard: Invoke, paused: dict[str, Any]
    ) -> None:
        done = switchyard("run", "What can you do?", "--thread", paused["thread"])
        assert done.exit_code == 2
        assert paused["pending"][0]["approval"] in done.stderr

    def test_resumed_without_an_answer_it_asks_again(
        self, switchyard: Invoke, paused: dict[str, Any]
    ) -> None:
        done = switchyard("resume", paused["run"], "--json")
        again = json.loads(done.stdout)
        assert done.exit_code == 3
        assert again["pending"] == paused["pending"]

    def outcomes(self, switchyard: Invoke, paused: dict[str, Any]) -> list[str]:
        record = self.record(switchyard, paused)
        assert {call["decision"] for call in record["tool_calls"]} == {"ask"}
        return [call["outcome"] for call in record["tool_calls"]]

    def record(self, switchyard: Invoke, paused: dict[str, Any]) -> dict[str, Any]:
        # The beginning of an id is enough.
        shown = switchyard("runs", "show", paused["run"][:8], "--json")
        return dict(json.loads(shown.stdout))


def test_a_question_is_answered_at_the_terminal(config: Callable[..., Path]) -> None:
    config("notify")
    parent, child = pty.openpty()
    work = subprocess.Popen(
        command("run", MAIL, "--specialist", "notify"),
        env=environment(TERM="xterm", COLUMNS="120", LINES="40"),
        stdin=child,
        stdout=child,
        stderr=child,
        close_fds=True,
    )
    os.close(child)
    try:
        seen = read_until(parent, "for later) >")
        assert "notify_send_email" in seen
        assert "anna@example.com" in seen
        os.write(parent, b"perhaps\n")
        assert "approve, or refuse" in read_until(parent, "for later) >")
        os.write(parent, b"approve\n")
        assert "Status: done" in read_until(parent, "Try next:")
        assert work.wait(timeout=30) == 0
    finally:
        work.kill()
        work.wait()
        os.close(parent)


def test_an_interrupted_run_says_how_to_go_on(config: Callable[..., Path]) -> None:
    task_by_task(config("documents"))
    work = start("run", "How is a denied tool call recorded?")
    assert work.stderr is not None
    lines = read_lines(work, lambda line: "d1/find running" in line)
    work.send_signal(signal.SIGINT)
    _, rest = work.communicate(timeout=60)
    assert work.returncode == 130, lines
    told = re.search(r"switchyard resume ([0-9a-f-]{36})", rest)
    assert told is not None
    assert "Traceback" not in rest


def test_a_killed_run_goes_on_without_doing_accepted_tasks_again(
    switchyard: Invoke, config: Callable[..., Path]
) -> None:
    task_by_task(config("documents"))
    work = start("run", "How is a denied tool call recorded?")
    read_lines(work, lambda line: "d1/find accepted" in line)
    work.kill()
    work.communicate(timeout=60)
    (run,) = json.loads(switchyard("runs", "--json").stdout)
    assert run["status"] == "running"
    done = switchyard("resume", run["id"][:8], "--json")
    assert (done.exit_code, json.loads(done.stdout)["status"]) == (0, "done")
    record = json.loads(switchyard("runs", "show", run["id"], "--json").stdout)
    searched = [call for call in record["tool_calls"] if call["task"] == "d1/find"]
    assert len(searched) == 1
    again = switchyard("resume", run["id"])
    assert (again.exit_code, "has ended" in again.stderr) == (2, True)


def test_a_record_shows_plan_decisions_spend_and_answer(
    switchyard: Invoke, config: Callable[..., Path]
) -> None:
    config("documents")
    assert switchyard("run", "How is a denied tool call recorded?").exit_code == 0
    (run,) = json.loads(switchyard("runs", "--json").stdout)
    shown: Result = switchyard("runs", "show", run["id"])
    for part in ("document-research", "find", "answer", "base/read-declared", "offline-work"):
        assert part in shown.stdout
    assert run["id"] in switchyard("runs").stdout


def test_route_decides_without_executing(switchyard: Invoke, home: Path) -> None:
    text = "Look up customer 42 and e-mail her the status of her last order"
    done = switchyard("route", text, "--json")
    decided = [(one["specialist"], one["needs"]) for one in json.loads(done.stdout)["dispatches"]]
    assert decided == [("crm-lookup", []), ("notify", ["d1"])]
    assert "crm-lookup → notify" in switchyard("route", text).stdout
    assert not home.exists()


def test_route_asks_the_cheap_model_only_when_the_examples_leave_it_open(
    switchyard: Invoke,
) -> None:
    done = switchyard("route", "Zebra quagga okapi", "--json")
    assert json.loads(done.stdout)["stage"] == "model"
    (run,) = json.loads(switchyard("runs", "--json").stdout)
    record = json.loads(switchyard("runs", "show", run["id"], "--json").stdout)
    assert {call["tier"] for call in record["model_calls"]} == {"route"}
    assert record["tool_calls"] == []


def task_by_task(folder: Path) -> None:
    """Have no short plan done by one worker as a whole."""
    file = folder / "limits.yaml"
    file.write_text(re.sub(r"solo_tasks: \d+", "solo_tasks: 0", file.read_text()))


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(*arguments),
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def read_lines(work: subprocess.Popen[str], last: Callable[[str], bool]) -> list[str]:
    """Progress lines up to the one that is waited for; the test's own limit bounds the wait."""
    assert work.stderr is not None
    lines: list[str] = []
    for line in work.stderr:
        lines.append(line)
        if last(line):
            return lines
    raise AssertionError(f"the run ended before: {lines}")


def read_until(terminal: int, words: str, seconds: float = 60) -> str:
    """What a terminal shows up to the words that are waited for."""
    seen, deadline = "", time.monotonic() + seconds
    while words not in seen:
        ready, _, _ = select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, f"{words!r} did not come: {seen[-2000:]}"
        try:
            seen += os.read(terminal, 65536).decode(errors="replace")
        except OSError as error:  # the other end was closed
            raise AssertionError(f"{words!r} did not come: {seen[-2000:]}") from error
    return seen
