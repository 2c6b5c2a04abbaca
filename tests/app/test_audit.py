"""`switchyard audit`: what was done to a ledger or an export is found and named."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ledger.store import open_ledger
from runtime.context import RunContext
from runtime.labels import Label
from tests.app.conftest import Invoke

ROWS = 6
SECRET_ARGUMENT = "the-argument-itself"


@pytest.fixture
def runs(home: Path) -> list[str]:
    """Two recorded runs, with a decision and an outcome for each of three calls."""

    async def record() -> None:
        async with open_ledger(f"sqlite:///{home / 'ledger.sqlite'}") as ledger:
            for run in ("r-one", "r-two"):
                await ledger.runs.start(
                    run,
                    thread="t",
                    request="hello",
                    tenant="acme",
                    user="ann",
                    label=Label.internal,
                    docs="",
                )
                context = RunContext(run=run, tenant="acme", user="ann", task="d1/a")
                for n in range(3):
                    denied = n == 2
                    await ledger.calls.open(
                        f"{run}-c{n}",
                        context,
                        tool="crm_read",
                        arguments={"q": SECRET_ARGUMENT},
                        decision="deny" if denied else "allow",
                        policies=["base/p1"],
                        reason="Because.",
                        outcome="denied" if denied else "pending",
                    )
                    await ledger.calls.close(f"{run}-c{n}", "ok", result="f" * 64, seconds=0.25)

    asyncio.run(record())
    return ["r-one", "r-two"]


def tamper(home: Path, *statements: str) -> None:
    with closing(sqlite3.connect(home / "ledger.sqlite")) as ledger:
        for statement in statements:
            assert ledger.execute(statement).rowcount > 0
        ledger.commit()


def damage(found: list[dict[str, Any]]) -> list[tuple[str, int, str]]:
    return [(run["run"], one["row"], one["kind"]) for run in found for one in run["damage"]]


def test_an_untouched_ledger_is_intact(switchyard: Invoke, runs: list[str]) -> None:
    done = switchyard("audit", "verify")
    assert (done.exit_code, done.stdout) == (0, f"2 runs, {2 * ROWS} rows: intact.\n")
    one = json.loads(switchyard("audit", "verify", "--run", "r-two", "--json").stdout)
    assert one == [{"run": "r-two", "rows": ROWS, "audited": True, "intact": True, "damage": []}]


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        (["UPDATE audit SET entry = replace(entry, 'allow', 'deny') WHERE number = 3"], "changed"),
        (["DELETE FROM audit WHERE number = 3"], "deleted"),
        (
            [
                "UPDATE audit SET number = -4 WHERE number = 4",
                "UPDATE audit SET number = 4 WHERE number = 3",
                "UPDATE audit SET number = 3 WHERE number = -4",
            ],
            "reordered",
        ),
        (["UPDATE audit_content SET content = '{}' WHERE number = 3"], "content"),
    ],
)
def test_damage_is_named_by_run_row_and_kind(
    switchyard: Invoke, home: Path, runs: list[str], statements: list[str], expected: str
) -> None:
    tamper(home, *(f"{one} AND run = 'r-two'" for one in statements))
    done = switchyard("audit", "verify")
    assert done.exit_code == 1
    assert f"Run r-two, row 3: {expected}: " in done.stdout
    assert f"2 runs, {2 * ROWS - (expected == 'deleted')} rows: 1 damaged.\n" in done.stdout
    told = json.loads(switchyard("audit", "verify", "--json").stdout)
    assert damage(told) == [("r-two", 3, expected)]
    assert switchyard("audit", "verify", "--run", "r-one").exit_code == 0
    assert switchyard("audit", "verify", "--run", "r-two").exit_code == 1


def test_an_inserted_row_and_a_tail_that_was_cut_off_are_found(
    switchyard: Invoke, home: Path, runs: list[str]
) -> None:
    tamper(
        home,
        "INSERT INTO audit SELECT run, 7, entry, mac FROM audit WHERE run = 'r-one' AND number = 2",
        "DELETE FROM audit WHERE run = 'r-two' AND number > 4",
    )
    told = json.loads(switchyard("audit", "verify", "--json").stdout)
    assert damage(told) == [
        ("r-one", 7, "inserted"),
        ("r-two", 5, "cut off"),
        ("r-two", 6, "cut off"),
    ]


def test_a_run_that_was_deleted_with_its_row_is_found(
    switchyard: Invoke, home: Path, runs: list[str]
) -> None:
    tamper(home, "DELETE FROM runs WHERE id = 'r-one'")
    assert damage(json.loads(switchyard("audit", "verify", "--json").stdout)) == [
        ("r-one", 0, "head")
    ]


def test_a_tail_that_was_cut_off_with_its_count_is_found(
    switchyard: Invoke, home: Path, runs: list[str]
) -> None:
    """Whoever cuts it off may also write the new end into the run's row; not its seal."""
    tamper(
        home,
        "DELETE FROM audit_content WHERE run = 'r-two' AND number > 4",
        "DELETE FROM audit WHERE run = 'r-two' AND number > 4",
        "UPDATE runs SET audit_count = 4, audit_head = (SELECT mac FROM audit"
        " WHERE run = 'r-two' AND number = 4) WHERE id = 'r-two'",
        "DELETE FROM tool_calls WHERE run = 'r-two' AND id = 'r-two-c2'",
    )
    done = switchyard("audit", "verify", "--json")
    assert done.exit_code == 1
    assert ("r-two", 0, "head") in damage(json.loads(done.stdout))


def test_a_run_that_was_deleted_with_everything_is_missed_by_its_reference(
    switchyard: Invoke, home: Path, runs: list[str]
) -> None:
    shown = json.loads(switchyard("audit", "show", "--run", "r-one", "--json").stdout)
    tables = ("runs WHERE id", "audit WHERE run", "audit_content WHERE run", "tool_calls WHERE run")
    tamper(home, *(f"DELETE FROM {table} = 'r-one'" for table in tables))
    # Nothing in the ledger tells of it any more: an answer or an export does.
    assert switchyard("audit", "verify").exit_code == 0
    reference = f"{shown['count']}:{shown['head']}"
    done = switchyard("audit", "verify", "--run", "r-one", "--reference", reference)
    assert done.exit_code == 2
    assert "no run 'r-one'" in done.stderr


def test_the_reference_of_an_answer_is_found_again(
    switchyard: Invoke, home: Path, runs: list[str]
) -> None:
    shown = json.loads(switchyard("audit", "show", "--run", "r-one", "--json").stdout)
    reference = f"{shown['count']}:{shown['head']}"
    given = ("audit", "verify", "--run", "r-one", "--reference")
    assert switchyard(*given, reference).exit_code == 0
    assert switchyard(*given, reference[:14]).exit_code == 0
    assert switchyard(*given, f"6:{'0' * 16}").exit_code == 1
    assert switchyard(*given, "7:" + shown["head"]).exit_code == 1
    bad = switchyard(*given, "nonsense")
    assert bad.exit_code == 2
    assert "COUNT:CODE" in bad.stderr


def test_show_tells_every_row_in_order(switchyard: Invoke, runs: list[str]) -> None:
    done = switchyard("audit", "show", "--run", "r-o")
    lines = done.stdout.splitlines()
    assert len(lines) == ROWS + 1
    assert [line.split()[0] for line in lines[:ROWS]] == [str(n) for n in range(1, ROWS + 1)]
    assert "decided" in lines[4]
    assert "deny" in lines[4]
    assert "[base/p1] - Because." in lines[4]
    assert lines[-1].startswith("6 rows, reference 6:")


def test_a_run_that_is_not_there_is_a_message(switchyard: Invoke, runs: list[str]) -> None:
    for command in (("verify",), ("show",), ("export",)):
        done = switchyard("audit", *command, "--run", "nobody")
        assert done.exit_code == 2
        assert "no run 'nobody'" in done.stderr


@pytest.mark.parametrize("form", ["jsonl", "otel"])
def test_an_export_verifies_and_tells_count_and_head(
    switchyard: Invoke, runs: list[str], tmp_path: Path, form: str
) -> None:
    file = tmp_path / "export"
    assert switchyard("audit", "export", "--format", form, "-o", str(file)).exit_code == 0
    assert switchyard("audit", "export", "--format", form).stdout == file.read_text()
    done = switchyard("audit", "verify", "--file", str(file))
    assert (done.exit_code, done.stdout) == (0, f"2 runs, {2 * ROWS} rows: intact.\n")
    shown = json.loads(switchyard("audit", "show", "--run", "r-one", "--json").stdout)
    first = json.loads(file.read_text().splitlines()[0])
    if form == "jsonl":
        assert (first["count"], first["head"]) == (ROWS, shown["head"])
        assert SECRET_ARGUMENT in file.read_text()
    else:
        resource = {
            one["key"]: one["value"] for one in first["resourceLogs"][0]["resource"]["attributes"]
        }
        assert resource["switchyard.audit.count"] == {"intValue": str(ROWS)}
        assert resource["switchyard.audit.head"] == {"stringValue": shown["head"]}
        records = first["resourceLogs"][0]["scopeLogs"][0]["logRecords"]
        assert [one["severityText"] for one in records] == ["INFO"] * 4 + ["WARN", "INFO"]
        assert all(one["timeUnixNano"].isdecimal() for one in records)


@pytest.mark.parametrize("form", ["jsonl", "otel"])
def test_damage_to_an_export_is_found(
    switchyard: Invoke, runs: list[str], tmp_path: Path, form: str
) -> None:
    file = tmp_path / "export"
    switchyard("audit", "export", "--format", form, "-o", str(file))
    whole = file.read_text()
    for old, new in (("base/p1", "base/p2"), ("r-one-c1", "r-one-c9")):
        assert old in whole
        file.write_text(whole.replace(old, new))
        assert switchyard("audit", "verify", "--file", str(file)).exit_code == 1


def test_lines_that_are_missing_or_moved_in_an_export_are_found(
    switchyard: Invoke, runs: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "export"
    switchyard("audit", "export", "-o", str(file))
    lines = file.read_text().splitlines(keepends=True)

    def verified(*kept: str) -> list[tuple[str, int, str]]:
        file.write_text("".join(kept))
        done = switchyard("audit", "verify", "--file", str(file), "--json")
        assert done.exit_code == 1
        return damage(json.loads(done.stdout))

    assert verified(*lines[:3], *lines[4:]) == [("r-one", 3, "deleted")]
    assert verified(*lines[:3], lines[4], lines[3], *lines[5:]) == [("r-one", 3, "reordered")]
    assert verified(*lines[:-2], lines[-1]) == [("r-two", 6, "cut off")]
    assert verified(*lines[:-1]) == [("", 0, "cut off")]
    # A whole run less.
    assert verified(*lines[ROWS + 1 :]) == [("", 0, "cut off")]
    assert verified(*lines[1:])[0] == ("r-one", 0, "head")


def test_a_file_that_is_no_export_is_a_message(
    switchyard: Invoke, home: Path, tmp_path: Path
) -> None:
    file = tmp_path / "notes"
    for text in ("notes\n", "", "[]\n", '{"type": "row"}\n', '{"resourceLogs": [1]}\n', "\x00"):
        file.write_text(text)
        done = switchyard("audit", "verify", "--file", str(file))
        assert done.exit_code == 2
        assert "no line of an export" in done.stderr


def test_an_export_of_another_installation_is_a_message(
    switchyard: Invoke, runs: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "export"
    switchyard("audit", "export", "-o", str(file))
    monkeypatch.setenv("SWITCHYARD_HOME", str(tmp_path / "elsewhere"))
    done = switchyard("audit", "verify", "--file", str(file))
    assert done.exit_code == 2
    assert "another key" in done.stderr


def test_a_lost_key_is_a_message(switchyard: Invoke, home: Path, runs: list[str]) -> None:
    (home / "audit.key").unlink()
    done = switchyard("audit", "verify")
    assert done.exit_code == 1
    assert "audit.key" in done.stderr


def test_an_answer_tells_the_end_of_its_audit(
    switchyard: Invoke, config: Callable[..., Path]
) -> None:
    config("crm")
    done = switchyard("run", "What can you do?", "--json")
    answer = json.loads(done.stdout)
    count, _, code = answer["audit"].partition(":")
    assert int(count) > 0
    given = ("--run", answer["run"], "--reference", answer["audit"])
    assert switchyard("audit", "verify", *given).exit_code == 0
    shown = json.loads(switchyard("audit", "show", "--run", answer["run"], "--json").stdout)
    assert shown["rows"][int(count) - 1]["mac"] == code
    assert shown["rows"][0]["entry"]["kind"] == "routed"
