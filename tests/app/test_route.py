"""`switchyard route` and its commands: what a person and a script get."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from app.exit_codes import Exit
from runtime.settings import ROOT
from tests.app.conftest import Invoke, environment
from tests.app.test_help import HEAVY

SPLIT = "Look up customer 42 and e-mail her the status of her last order"
OPEN = "Zebra quagga okapi"


@pytest.fixture(autouse=True)
def words_alone(config: Callable[..., Path]) -> Path:
    """Routing by words alone, which trains fast; what the commands do is the same."""
    folder = config()
    file = folder / "routing.yaml"
    settings = yaml.safe_load(file.read_text()) | {"embeddings": "none"}
    file.write_text(yaml.safe_dump(settings))
    return folder


def test_the_word_bench_is_a_request_behind_two_dashes(switchyard: Invoke) -> None:
    done = switchyard("route", "--json", "--", "bench")
    assert json.loads(done.stdout)["dispatches"][0]["text"] == "bench"
    done = switchyard("route", "bench please", "--json")
    assert json.loads(done.stdout)["dispatches"][0]["text"] == "bench please"


def test_options_may_stand_before_the_request(switchyard: Invoke) -> None:
    done = switchyard("route", "--specialist", "notify", "--json", "anything at all")
    told = json.loads(done.stdout)
    assert (done.exit_code, told["stage"]) == (0, "rule")
    assert told["dispatches"][0]["specialist"] == "notify"


def test_without_a_request_the_usage_is_told(switchyard: Invoke) -> None:
    assert "REQUEST" in switchyard("route").output
    done = switchyard("route", "--json")
    assert (done.exit_code, "REQUEST" in done.stderr) == (2, True)
    done = switchyard("route", "--replay", "r1", "and a request")
    assert done.exit_code == 2


def test_help_shows_options_and_commands(switchyard: Invoke) -> None:
    shown = switchyard("route", "--help").stdout
    for part in ("--explain", "--replay RUN", "bench", "feedback", "Exit codes", "5  it would"):
        assert part in shown
    assert "decide" not in shown


@pytest.mark.parametrize(
    "command", ["route bench", "route feedback", "proposals approve", "proposals rollback"]
)
def test_help_of_the_commands_imports_no_room(command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "app.cli", *command.split(), "--help"],
        env=environment(),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert done.stdout.startswith("Usage: ")
    assert not [name for name in imported if name.split(".")[0] in HEAVY]


def test_a_request_that_would_be_declined_ends_with_5(
    switchyard: Invoke, words_alone: Path
) -> None:
    file = words_alone / "routing.yaml"
    settings = yaml.safe_load(file.read_text())
    file.write_text(yaml.safe_dump(settings | {"tenants": {"acme": {"allow": []}}}))
    done = switchyard("route", OPEN, "--tenant", "acme", "--json")
    assert json.loads(done.stdout)["kind"] == "decline"
    assert done.exit_code == Exit.declined
    assert switchyard("route", OPEN, "--tenant", "acme", "--explain").exit_code == Exit.declined


def test_the_explanation_has_the_numbers_and_the_words(
    switchyard: Invoke, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SWITCHYARD_CONFIG")
    done = switchyard("route", "What is the status of order 10777?", "--explain", "--json")
    told = json.loads(done.stdout)
    first = told["candidates"][0]
    assert done.exit_code == 0
    assert (told["route"]["stage"], first["specialist"]) == ("local", "crm-lookup")
    assert first["probability"] >= told["threshold"]
    assert told["sure"] is True
    assert "reaches the threshold" in first["why"]
    assert first["nearest"][0]["text"] == "What is the status of order 10020?"
    assert first["nearest"][0]["similarity"] > 0.5
    assert first["nearest"][0]["place"] == "crm-lookup.md:17"
    assert {"status", "order"} <= {one["word"] for one in first["speaks_for"]}
    assert [one["name"] for one in told["stages"]] == ["rule", "local"]
    assert sum(one["seconds"] for one in told["stages"]) > 0
    assert told["shown"][0]["asked"] is False
    assert told["shown"][0]["tokens"] <= told["shown"][0]["tokens_of_all"]
    assert "What is the status of order 10777?" in told["shown"][0]["prompt"]
    total = told["none"] + sum(one["probability"] for one in told["candidates"])
    assert total == pytest.approx(1, abs=0.05)
    assert not home.exists()


def test_the_explanation_tells_how_a_split_was_decided(switchyard: Invoke) -> None:
    shown = switchyard("route", SPLIT, "--explain").stdout
    assert "crm-lookup → notify" in shown
    assert "(sure): Look up customer 42" in shown
    assert "gets d1" in shown
    whole = json.loads(
        switchyard("route", "Look up customer 42 and customer 43", "--explain", "--json").stdout
    )
    assert [one["at"] for one in whole["cuts"]] == ["and"]
    assert "not split" in whole["cuts"][0]["why"]


def test_an_open_request_is_explained_with_what_the_model_saw(switchyard: Invoke) -> None:
    told = json.loads(switchyard("route", OPEN, "--explain", "--json").stdout)
    assert [one["name"] for one in told["stages"]] == ["rule", "local", "model"]
    assert "Unsure" in told["stages"][1]["said"]
    assert told["shown"][0]["asked"] is True
    assert told["route"]["tokens"] > 0
    shown = switchyard("route", OPEN, "--explain").stdout
    assert "Tier route was shown" in shown
    assert "\x1b[" not in shown


def test_an_addressed_request_needs_no_explanation_of_examples(switchyard: Invoke) -> None:
    told = json.loads(switchyard("route", "@notify say hello", "--explain", "--json").stdout)
    assert (told["route"]["stage"], told["candidates"], told["shown"]) == ("rule", [], [])


def test_a_recorded_route_is_decided_again_and_compared(
    switchyard: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    switchyard("route", OPEN)
    (run,) = json.loads(switchyard("runs", "--json").stdout)
    done = switchyard("route", "--replay", run["id"][:14])
    assert (done.exit_code, "same" in done.stdout) == (0, True)
    assert json.loads(switchyard("route", "--replay", run["id"], "--json").stdout)["same"] is True
    folder = tmp_path / "specialists"
    subprocess.run(["cp", "-r", str(ROOT / "agents" / "specialists"), str(folder)], check=True)
    text = (folder / "notify.md").read_text()
    (folder / "notify.md").write_text(
        text.replace("    examples:\n", f"    examples:\n      - {OPEN}\n", 1)
    )
    monkeypatch.setenv("SWITCHYARD_SPECIALISTS", str(folder))
    done = switchyard("route", "--replay", run["id"])
    assert done.exit_code == 1
    assert "are not those of then" in done.stdout
    assert "dispatches was" in done.stdout
    assert switchyard("route", "--replay", "none").exit_code == 2


def test_vectors_of_a_tier_are_booked_on_a_run(switchyard: Invoke, words_alone: Path) -> None:
    file = words_alone / "routing.yaml"
    settings = yaml.safe_load(file.read_text())
    file.write_text(yaml.safe_dump(settings | {"embeddings": "tier"}))
    assert switchyard("route", OPEN, "--explain").exit_code == 0
    runs = {one["request"]: one["id"] for one in json.loads(switchyard("runs", "--json").stdout)}
    record = json.loads(switchyard("runs", "show", runs["Vectors for routing"], "--json").stdout)
    assert {call["tier"] for call in record["model_calls"]} == {"embed"}
    assert switchyard("route", "--replay", runs[OPEN]).exit_code == 0


def test_the_bench_holds_the_shipped_specialists_to_their_golden_set(
    switchyard: Invoke, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SWITCHYARD_CONFIG")
    golden = str(ROOT / "examples" / "golden.jsonl")
    done = switchyard("route", "bench", golden, "--json", "--min-accuracy", "0.75")
    told = json.loads(done.stdout)
    assert (done.exit_code, told["missed"]) == (0, [])
    assert told["requests"] == len(Path(golden).read_text().splitlines())
    assert told["accuracy"]["value"] >= 0.75
    assert (told["tokens"], told["dollars"]) == (0, 0.0)
    assert not home.exists()


def test_a_figure_below_what_is_asked_ends_with_1(switchyard: Invoke, tmp_path: Path) -> None:
    golden = tmp_path / "golden.csv"
    golden.write_text("text,specialist\nLook up customer 42,notify\nShow me customer 118,notify\n")
    done = switchyard("route", "bench", str(golden), "--min-precision", "0.9")
    assert done.exit_code == Exit.failed
    assert "precision is 0.0%, at least 90.0% was asked for." in done.stderr
    assert "2 x notify ⇢ crm-lookup, 2 of them without asking" in done.stdout
    assert "Look up customer 42" in done.stdout


def test_a_wrong_golden_set_ends_with_2(switchyard: Invoke, tmp_path: Path) -> None:
    golden = tmp_path / "golden.jsonl"
    golden.write_text('{"text": "@nobody do it", "specialist": "none"}\n')
    done = switchyard("route", "bench", str(golden))
    assert done.exit_code == Exit.rejected
    assert "golden.jsonl:1: text = '@nobody do it': " in done.stderr
    assert switchyard("route", "bench", str(tmp_path / "none.jsonl")).exit_code == Exit.rejected


def test_without_a_file_each_example_is_decided_without_itself(switchyard: Invoke) -> None:
    told = json.loads(switchyard("route", "bench", "--json").stdout)
    sizes = json.loads(switchyard("specialists", "--json").stdout)["specialists"]
    examples = [text for one in sizes for intent in one["intents"] for text in intent["examples"]]
    assert told["held_out"] is True
    assert sorted(one["text"] for one in told["outcomes"]) == sorted(examples)
    # With itself among the examples, each would be right.
    assert told["accuracy"]["value"] < 1


def test_the_model_decides_what_is_open_when_it_is_asked_to(
    switchyard: Invoke, tmp_path: Path
) -> None:
    golden = tmp_path / "golden.jsonl"
    golden.write_text(
        f'{{"text": "{OPEN}", "specialist": "none"}}\n'
        '{"text": "Look up customer 42", "specialist": "crm-lookup"}\n'
    )
    without = json.loads(switchyard("route", "bench", str(golden), "--json").stdout)
    assert (without["out_of_scope_declined"]["count"], without["tokens"]) == (0, 0)
    asked = json.loads(switchyard("route", "bench", str(golden), "--json", "--model").stdout)
    assert asked["tokens"] > 0
    assert [one["stage"] for one in asked["outcomes"]] == ["model", "local"]
    assert asked["out_of_scope_declined"]["count"] == 1


def test_a_baseline_shows_what_a_change_of_a_file_did(
    switchyard: Invoke,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    golden, earlier = tmp_path / "golden.jsonl", tmp_path / "earlier.json"
    golden.write_text(
        f'{{"text": "{OPEN}", "specialist": "notify"}}\n'
        '{"text": "Look up customer 42", "specialist": "crm-lookup"}\n'
    )
    earlier.write_text(switchyard("route", "bench", str(golden), "--json").stdout)
    same = switchyard("route", "bench", str(golden), "--baseline", str(earlier)).stdout
    assert "The router is the same" in same
    assert "Nothing changed." in same
    folder = tmp_path / "specialists"
    subprocess.run(["cp", "-r", str(ROOT / "agents" / "specialists"), str(folder)], check=True)
    text = (folder / "notify.md").read_text()
    added = "    examples:\n      - Zebra quagga okapi again\n"
    (folder / "notify.md").write_text(text.replace("    examples:\n", added, 1))
    monkeypatch.setenv("SWITCHYARD_SPECIALISTS", str(folder))
    shown = switchyard("route", "bench", str(golden), "--baseline", str(earlier)).stdout
    assert "better: accuracy 50.0% → 100.0%" in shown
    assert f"better (1):\n    {OPEN}" in shown
    told = json.loads(
        switchyard("route", "bench", str(golden), "--json", "--baseline", str(earlier)).stdout
    )
    assert [one["now"]["text"] for one in told["changes"]["requests"]] == [OPEN]
    wrong = switchyard("route", "bench", str(golden), "--baseline", str(golden))
    assert (wrong.exit_code, "is no earlier result" in wrong.stderr) == (2, True)
