"""The audit in the ledger: a row with each thing that it tells of, one chain for all writers."""

from __future__ import annotations

import asyncio
import json
import os
import re
import stat
import sys
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from ledger.address import parse
from ledger.audit_key import FILE, key_for
from ledger.chain_check import Damage, check
from ledger.store import Ledger, open_ledger
from runtime.canonical import Json
from runtime.errors import ConfigError, LedgerUnavailable
from runtime.labels import Label
from tests.ledger.conftest import Clock
from tests.ledger.rows import CONTEXT, RUN, call, start
from tests.ledger.test_opening import execute, old_release


async def entries(ledger: Ledger, run: str = RUN) -> list[dict[str, Json]]:
    return [json.loads(row.entry) for row in await ledger.audit.rows(run)]


async def damages(ledger: Ledger, run: str = RUN) -> list[Damage]:
    head, rows = await ledger.audit.head(run), await ledger.audit.rows(run)
    return check(ledger.audit.key, run, head, rows, await ledger.audit.calls(run))


async def change(ledger: Ledger, statement: str) -> None:
    """Do to the tables what no repository would."""

    def work(connection: Connection) -> None:
        connection.execute(text(statement))

    await ledger.audit._database.run(work, atomic=True)


async def one_of_each(ledger: Ledger) -> None:
    await start(ledger)
    await ledger.runs.record_route(RUN, {"kind": "dispatch"})
    await ledger.tasks.store_plan(RUN, "d1", "reviewer", {"tasks": ["a"]}, drawn_by="model")
    await call(ledger, "c1")
    await ledger.approvals.ask("a1", run=RUN, task="d1/a", kind="effect", question={"tool": "t"})
    await ledger.approvals.answer("a1", "approved", by="bob")
    await ledger.effects.begin(
        "k1", run=RUN, task="d1/a", tool="t", arguments={"to": "x"}, specialist="reviewer"
    )
    await ledger.effects.settle("k1", "done", "e" * 64)
    await ledger.calls.close("c1", "ok", result="f" * 64, seconds=0.5)
    await ledger.approvals.ask("a2", run=RUN, task="d1/a", kind="task", question="what now?")
    await ledger.approvals.withdraw(RUN, by="eve")


async def test_everything_that_is_decided_or_done_is_a_row(ledger: Ledger) -> None:
    await one_of_each(ledger)
    told = await entries(ledger)
    assert [(one["number"], one["kind"], one.get("subject")) for one in told] == [
        (1, "routed", "r1"),
        (2, "planned", "d1:1"),
        (3, "decided", "c1"),
        (4, "asked", "a1"),
        (5, "answered", "a1"),
        (6, "claimed", "k1"),
        (7, "settled", "k1"),
        (8, "closed", "c1"),
        (9, "asked", "a2"),
        (10, "withdrawn", "a2"),
    ]
    assert {(one["tenant"], one["user"]) for one in told} == {("acme", "ann")}
    decided, answered, closed = told[2], told[4], told[7]
    assert (decided["verdict"], decided["policies"], decided["reason"]) == ("allow", ["p1"], "r")
    assert (decided["task"], decided["parent"], decided["specialist"]) == ("d1/a", "d1", "reviewer")
    assert (answered["outcome"], answered["by"]) == ("approved", "bob")
    assert (closed["outcome"], closed["seconds"], closed["tool"]) == ("ok", 0.5, "crm_read")
    assert await damages(ledger) == []
    run = await ledger.runs.get(RUN)
    assert run is not None
    last = (await ledger.audit.rows(RUN))[-1]
    assert (run.audit_count, run.audit_head) == (10, last.mac)
    assert await ledger.audit.reference(RUN) == (10, last.mac)


async def test_what_changed_nothing_is_no_row(ledger: Ledger) -> None:
    await one_of_each(ledger)
    await ledger.approvals.answer("a1", "refused", by="eve")
    await ledger.approvals.ask("a1", run=RUN, task="d1/a", kind="effect", question={})
    await ledger.effects.begin("k1", run=RUN, task="d1/a", tool="t", arguments={})
    await ledger.effects.settle("none", "done", None)
    await ledger.calls.close("none", "ok", result=None, seconds=0.1)
    await ledger.tasks.store_plan(RUN, "d1", "reviewer", {"tasks": ["a"]}, drawn_by="model")
    assert len(await entries(ledger)) == 10
    assert await damages(ledger) == []


async def test_a_row_and_what_it_tells_of_are_written_together_or_not_at_all(fresh: str) -> None:
    async with open_ledger(fresh) as ledger:
        await one_of_each(ledger)
        before = await ledger.audit.reference(RUN)
        await change(ledger, "DROP TABLE audit_content")
        with pytest.raises(LedgerUnavailable):
            await call(ledger, "c2")
        with pytest.raises(LedgerUnavailable):
            await ledger.effects.begin("k2", run=RUN, task="d1", tool="t", arguments={})
        with pytest.raises(LedgerUnavailable):
            await ledger.calls.close("c1", "error", result="a" * 64, seconds=1.0)
        row = await ledger.calls.get("c1")
        assert row is not None
        assert row.outcome == "ok"
        assert await ledger.calls.get("c2") is None
        assert await ledger.effects.get("k2") is None
        assert await ledger.audit.reference(RUN) == before


async def test_several_who_write_of_one_run_make_one_chain(ledger: Ledger, other: Ledger) -> None:
    await start(ledger)
    await asyncio.gather(*(call((ledger, other)[n % 2], f"c{n}") for n in range(40)))
    told = await entries(ledger)
    assert [one["number"] for one in told] == list(range(1, 41))
    assert {one["subject"] for one in told} == {f"c{n}" for n in range(40)}
    assert await damages(ledger) == []


async def test_a_run_without_a_row_has_a_chain_too(ledger: Ledger, other: Ledger) -> None:
    await asyncio.gather(*(call((ledger, other)[n % 2], f"c{n}") for n in range(10)))
    assert [one["number"] for one in await entries(ledger)] == list(range(1, 11))
    assert [(one.kind, one.number) for one in await damages(ledger)] == [("head", 0)]


WRITER = """
import asyncio, sys
from ledger.store import open_ledger
from tests.ledger.rows import call

async def main():
    async with open_ledger(sys.argv[1]) as ledger:
        print("ready", flush=True)
        sys.stdin.readline()
        for n in range(25):
            await call(ledger, f"{sys.argv[2]}-{n}")

asyncio.run(main())
"""


async def test_several_processes_on_one_run_make_one_chain(fresh: str) -> None:
    async with open_ledger(fresh) as ledger:
        await start(ledger)
        writers = [
            await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", WRITER, fresh, name),
                cwd=Path(__file__).parents[2],
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
            for name in ("one", "two")
        ]
        for writer in writers:
            assert writer.stdout is not None
            assert await asyncio.wait_for(writer.stdout.readline(), 60) == b"ready\n"
        await asyncio.wait_for(asyncio.gather(*(one.communicate(b"go\n") for one in writers)), 60)
        told = await entries(ledger)
        assert [one["number"] for one in told] == list(range(1, 51))
        assert await damages(ledger) == []


async def test_each_kind_of_damage_in_the_tables_is_found(ledger: Ledger) -> None:
    await one_of_each(ledger)
    await change(ledger, "UPDATE audit SET entry = replace(entry, 'bob', 'eve') WHERE number = 5")
    await change(ledger, "DELETE FROM audit WHERE number IN (2, 9, 10)")
    await change(ledger, "UPDATE audit_content SET content = '{}' WHERE number = 3")
    assert [(one.kind, one.number) for one in await damages(ledger)] == [
        ("deleted", 2),
        ("content", 3),
        ("changed", 5),
        ("cut off", 9),
        ("cut off", 10),
    ]


async def test_a_chain_that_was_wiped_is_found(ledger: Ledger) -> None:
    await one_of_each(ledger)
    await change(ledger, "DELETE FROM audit")
    await change(ledger, "UPDATE runs SET audit_count = NULL, audit_head = NULL, audit_seal = NULL")
    assert [one.kind for one in await damages(ledger)] == ["head", "unrecorded"]


async def test_nobody_goes_on_with_a_chain_whose_head_was_changed(
    ledger: Ledger, other: Ledger
) -> None:
    await one_of_each(ledger)
    await change(ledger, "DELETE FROM audit WHERE number > 4")
    mac = (await ledger.audit.rows(RUN))[-1].mac
    await change(ledger, f"UPDATE runs SET audit_count = 4, audit_head = '{mac}'")
    for one in (ledger, other):
        with pytest.raises(LedgerUnavailable, match="head of the audit of run r1") as caught:
            await call(one, "c9")
        assert "switchyard audit verify --run r1" in caught.value.remedy
    assert await ledger.calls.get("c9") is None


async def test_old_content_is_forgotten_and_the_chain_still_verifies(
    ledger: Ledger, clock: Clock
) -> None:
    await one_of_each(ledger)
    assert await ledger.audit.forget_before(clock.now + 1) == 0  # it has not ended
    await ledger.runs.finish(RUN, "done", {})
    assert await ledger.audit.forget_before(clock.now) == 0
    assert await ledger.audit.forget_before(clock.now + 1) > 0
    assert all(row.content is None for row in await ledger.audit.rows(RUN))
    assert await damages(ledger) == []


async def test_what_no_text_of_a_database_may_hold_is_kept_and_verifies(ledger: Ledger) -> None:
    await start(ledger)
    odd = {"a\0": "\ud800 \N{PILE OF POO}\0", "n": float("nan"), "big": 10**30, "f": 0.1}
    await ledger.calls.open(
        "c1", CONTEXT, tool="t\0", arguments=odd, decision="deny", policies=[], reason="\ud800"
    )
    assert await damages(ledger) == []


async def test_a_regulated_run_keeps_digests_alone(ledger: Ledger) -> None:
    await start(ledger, label=Label.regulated)
    await ledger.calls.open(
        "c1",
        CONTEXT,
        tool="t",
        arguments={"patient": "Jane Roe"},
        decision="deny",
        policies=["p1"],
        reason="Jane Roe is no id.",
    )
    (row,) = await ledger.audit.rows(RUN)
    assert row.content is not None
    assert "Jane" not in row.entry + row.content
    assert json.loads(row.entry)["policies"] == ["p1"]
    (kept,) = await ledger.calls.of_run(RUN)
    assert kept.arguments == {"patient": "Jane Roe"}
    assert await damages(ledger) == []


async def test_a_database_of_an_older_release_is_audited_from_now_on(fresh: str) -> None:
    await asyncio.to_thread(old_release, fresh)
    async with open_ledger(fresh) as ledger:
        assert await damages(ledger) == []
        await call(ledger, "c1")
        await start(ledger, "r2")
        assert [one["number"] for one in await entries(ledger)] == [1]
        assert await damages(ledger) == []
        assert await damages(ledger, "r2") == []


@pytest.mark.parametrize("version", [2, 3])
async def test_a_database_of_a_later_old_release_is_migrated(fresh: str, version: int) -> None:
    dialect = "postgresql" if fresh.startswith("postgres") else "sqlite"
    script = (Path(__file__).parent / "schemas" / f"{version}.{dialect}.sql").read_text()
    begin = f"INSERT INTO meta (key, value) VALUES ('schema', '{version}');\n"
    await asyncio.to_thread(execute, fresh, script + begin)
    async with open_ledger(fresh) as ledger:
        await one_of_each(ledger)
        assert await damages(ledger) == []


async def test_the_key_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'l.sqlite'}"
    async with open_ledger(url) as ledger:
        await call(ledger, "c1")
    made = (tmp_path / FILE).read_text()
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    assert re.fullmatch(r"[0-9a-f]{64}\n", made)
    async with open_ledger(url) as ledger:
        await call(ledger, "c2")
        assert len(await entries(ledger)) == 2
    assert (tmp_path / FILE).read_text() == made
    assert [name for name in os.listdir(tmp_path) if FILE in name] == [FILE]
    assert made.strip().encode() not in (tmp_path / "l.sqlite").read_bytes()


async def test_with_another_key_nothing_is_written_and_nothing_verified(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'l.sqlite'}"
    async with open_ledger(url) as ledger:
        await start(ledger)
    (tmp_path / FILE).unlink()
    async with open_ledger(url) as ledger:
        assert await ledger.runs.get(RUN) is not None
        with pytest.raises(LedgerUnavailable, match="not the one that this ledger began") as caught:
            await call(ledger, "c1")
        assert "SWITCHYARD_AUDIT_KEY" in caught.value.remedy
        assert await ledger.calls.get("c1") is None
        with pytest.raises(LedgerUnavailable):
            _ = ledger.audit.key


async def test_a_key_may_be_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWITCHYARD_AUDIT_KEY", "a secret of the vault")
    url = f"sqlite:///{tmp_path / 'l.sqlite'}"
    async with open_ledger(url) as ledger:
        assert ledger.audit.key == b"a secret of the vault"
    assert not (tmp_path / FILE).exists()
    monkeypatch.setenv("SWITCHYARD_AUDIT_KEY", "short")
    with pytest.raises(ConfigError, match="has 5 characters") as caught:
        async with open_ledger(url):
            pytest.fail("opened with a key that can be guessed")
    assert "openssl rand" in caught.value.remedy


async def test_a_key_that_cannot_be_read_is_told_with_its_file(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("no key")
    with pytest.raises(LedgerUnavailable, match=re.escape(str(tmp_path / FILE))):
        async with open_ledger(f"sqlite:///{tmp_path / 'l.sqlite'}"):
            pytest.fail("opened with a broken key")


async def test_many_who_make_the_key_at_once_get_the_same(tmp_path: Path) -> None:
    address = parse(f"sqlite:///{tmp_path / 'new' / 'l.sqlite'}")
    keys = await asyncio.gather(*(asyncio.to_thread(key_for, address) for _ in range(16)))
    assert len(set(keys)) == 1
    assert os.listdir(tmp_path / "new") == [FILE]


async def test_a_row_cannot_be_told_of_twice(ledger: Ledger) -> None:
    """What keeps two that do not see each other's rows from forking the chain."""
    await start(ledger)
    await call(ledger, "c1")
    await change(ledger, "INSERT INTO audit (run, number, entry, mac) VALUES ('r1', 2, '{}', 'x')")
    with pytest.raises(LedgerUnavailable):
        await call(ledger, "c2")
    assert [(one.kind, one.number) for one in await damages(ledger)] == [("inserted", 2)]
