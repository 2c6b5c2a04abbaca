"""Opening a ledger: a fresh one, one of an older or newer release, and by several at once."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import sys
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from ledger.address import parse
from ledger.budget import Amount
from ledger.embedded import Embedded
from ledger.schema import VERSION, metadata
from ledger.spend import Total
from ledger.store import open_ledger
from runtime.errors import LedgerUnavailable
from tests.ledger.rows import CONTEXT, RUN, accept, pay, start

SCHEMAS = Path(__file__).parent / "schemas"
OLD_ROWS = """
INSERT INTO runs (id, thread, request, tenant, "user", label, docs, status, answer, started_at)
  VALUES ('r1', 't', 'hello', 'acme', 'ann', 'regulated', '', 'running', NULL, 1.0);
INSERT INTO plans (run, task, version, specialist, plan, digest, at)
  VALUES ('r1', 'd1', 1, 's', '{"tasks": ["a"]}', 'old', 1.0);
INSERT INTO results (run, task, inputs, schema_version, attempt, output, evidence, at)
  VALUES ('r1', 'd1/a', 'h', 1, 1, '{"n": 1}', '["c1"]', 1.0);
INSERT INTO model_calls (id, run, task, attempt, specialist, tier, deployment, model,
    prompt_tokens, completion_tokens, cost, outcome, at, seconds)
  VALUES ('m1', 'r1', 'd1/a', 1, 's', 'work', 'd', 'm', 10, 5, 0.25, 'ok', 1.0, 0.1);
INSERT INTO budgets (scope, ceiling, reserved, spent) VALUES ('r1', 2.0, 0.5, 0.25);
"""


def execute(url: str, script: str) -> None:
    """Run statements as no release of ours would."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        assert parsed.database is not None
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(parsed.database)
        connection.executescript(script)
        connection.close()
    else:
        with psycopg.connect(url, autocommit=True) as served:
            for statement in script.split(";\n"):
                served.execute(statement.encode())


def old_release(url: str) -> None:
    """A database as the release before `meta` made and filled it."""
    dialect = make_url(url).get_backend_name()
    execute(url, (SCHEMAS / f"1.{dialect}.sql").read_text() + OLD_ROWS)


async def test_a_fresh_database_is_ready_and_opens_again(fresh: str) -> None:
    for expected in (None, {"n": 1}):
        async with open_ledger(fresh) as ledger:
            found = await ledger.tasks.result(RUN, "d1/a", "h", 1)
            assert (found.output if found else None) == expected
            await accept(ledger, "d1/a", {"n": 1})


async def test_an_older_database_keeps_its_data_and_gets_what_is_new(fresh: str) -> None:
    await asyncio.to_thread(old_release, fresh)
    async with open_ledger(fresh) as ledger:
        run = await ledger.runs.get(RUN)
        plan = await ledger.tasks.plan(RUN, "d1")
        result = await ledger.tasks.result(RUN, "d1/a", "h", 1)
        budget = await ledger.budgets.get(RUN)
        assert run is not None
        assert plan is not None
        assert result is not None
        assert budget is not None
        assert (run.request, run.label, run.holder, run.cancel_by) == (
            "hello",
            "regulated",
            None,
            None,
        )
        assert (plan.plan, plan.drawn_by) == ({"tasks": ["a"]}, None)
        assert (result.output, result.evidence) == ({"n": 1}, ["c1"])
        assert (budget.ceiling, budget.reserved, budget.spent) == (2.0, 0.5, 0.25)
        await pay(ledger, "m2")
        assert await ledger.spend.total(RUN) == Total(
            calls=2, prompt_tokens=20, completion_tokens=10, cost=0.5
        )
        await ledger.tasks.store_plan(RUN, "d1", "s", {"tasks": ["b"]}, drawn_by="ann")
        assert await ledger.files.log(RUN) == []
        assert await ledger.processes.known() == []
        await start(ledger, "r2")
    async with open_ledger(fresh) as ledger:
        assert (await ledger.spend.total(RUN)).calls == 2


async def test_a_newer_database_is_refused_and_both_versions_are_named(fresh: str) -> None:
    async with open_ledger(fresh):
        pass
    await asyncio.to_thread(execute, fresh, f"UPDATE meta SET value = '{VERSION + 5}'")
    with pytest.raises(LedgerUnavailable) as caught:
        async with open_ledger(fresh):
            pytest.fail("opened a ledger that it does not know")
    assert f"schema version {VERSION + 5}" in caught.value.message
    assert f"up to {VERSION}." in caught.value.message
    assert "SWITCHYARD_LEDGER_URL" in caught.value.remedy


OPENER = """
import asyncio, sys
from ledger.budget import Amount
from ledger.store import open_ledger

async def main():
    print("ready", flush=True)
    sys.stdin.readline()
    async with open_ledger(sys.argv[1]) as ledger:
        await ledger.budgets.open("r1", 1.0)
        await ledger.budgets.reserve(("r1",), Amount(dollars=0.01))

asyncio.run(main())
"""


async def use(url: str) -> None:
    async with open_ledger(url) as ledger:
        await ledger.budgets.open("r1", 1.0)
        await ledger.budgets.reserve(("r1",), Amount(dollars=0.01))


@pytest.mark.parametrize("old", [False, True])
async def test_connections_that_open_it_at_once_do_not_disturb_each_other(
    fresh: str, old: bool
) -> None:
    if old:
        await asyncio.to_thread(old_release, fresh)
    await asyncio.gather(*(use(fresh) for _ in range(8)))
    async with open_ledger(fresh) as ledger:
        budget = await ledger.budgets.get("r1")
        assert (await ledger.spend.total(RUN)).calls == int(old)
    assert budget is not None
    assert budget.reserved == pytest.approx(0.58 if old else 0.08)


async def test_a_new_file_may_be_opened_by_several_at_once(tmp_path: Path) -> None:
    async def opened(file: Path) -> None:
        found = Embedded(parse(f"sqlite:///{file}"))
        try:
            await found.run(lambda _: None, atomic=False)
        finally:
            await found.close()

    for number in range(150):
        file = tmp_path / f"{number}.sqlite"
        await asyncio.gather(*(opened(file) for _ in range(4)))
        assert file.exists()


async def test_two_processes_may_open_it_at_once(fresh: str) -> None:
    openers = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            OPENER,
            fresh,
            cwd=Path(__file__).parents[2],
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        for _ in range(2)
    ]
    for opener in openers:
        assert opener.stdout is not None
        assert await asyncio.wait_for(opener.stdout.readline(), 60) == b"ready\n"
    ended = await asyncio.wait_for(
        asyncio.gather(*(opener.communicate(b"go\n") for opener in openers)), 60
    )
    assert [told.decode() for _, told in ended] == ["", ""]
    async with open_ledger(fresh) as ledger:
        budget = await ledger.budgets.get("r1")
    assert budget is not None
    assert budget.reserved == pytest.approx(0.02)


@pytest.mark.parametrize("name", ["sqlite", "postgresql"])
def test_a_change_of_the_tables_is_another_version(name: str) -> None:
    """The tables of every version are on record; older ones are what `prepare` is tested with."""
    dialect = {"sqlite": sqlite.dialect, "postgresql": postgresql.dialect}[name]()
    parts = []
    for table in metadata.sorted_tables:
        parts.append(str(CreateTable(table).compile(dialect=dialect)))
        indexes = sorted(table.indexes, key=lambda index: str(index.name))
        parts.extend(str(CreateIndex(index).compile(dialect=dialect)) for index in indexes)
    now = ";".join(parts) + ";"
    recorded = (SCHEMAS / f"{VERSION}.{name}.sql").read_text()
    assert re.sub(r"\s+", "", now) == re.sub(r"\s+", "", recorded), (
        "The tables changed: raise VERSION in ledger/schema.py and record the new ones beside"
        f" {VERSION}.{name}.sql; until a release has them, mend that file."
    )


def test_what_newer_tables_add_can_be_added_to_a_table_with_rows() -> None:
    recorded = "".join(path.read_text() for path in SCHEMAS.glob("1.sqlite.sql"))
    old = dict(re.findall(r"CREATE TABLE (\w+) \((.*?)\n\);", recorded, re.DOTALL))
    for table in metadata.sorted_tables:
        added = [c for c in table.columns if table.name in old and c.name not in old[table.name]]
        assert all(column.nullable for column in added), table.name


async def test_a_ledger_that_cannot_be_opened_says_what_to_check(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(LedgerUnavailable, match="SWITCHYARD_HOME"):
        async with open_ledger(f"sqlite:///{blocked / 'ledger.sqlite'}"):
            pytest.fail("opened a ledger below a file")


async def test_a_file_that_is_no_database_is_not_touched(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("these are notes, and a text of some length that nobody wants to lose")
    before = file.read_bytes()
    with pytest.raises(LedgerUnavailable, match="not a database"):
        async with open_ledger(f"sqlite:///{file}"):
            pytest.fail("opened a text as a ledger")
    assert file.read_bytes() == before


async def test_a_run_goes_on_with_the_identity_that_it_had(fresh: str) -> None:
    async with open_ledger(fresh) as ledger:
        await start(ledger)
        await ledger.tasks.move(RUN, CONTEXT.task, "running", reason="r")
    async with open_ledger(fresh) as ledger:
        assert [row.task for row in await ledger.tasks.states(RUN)] == [CONTEXT.task]


async def test_what_an_older_process_settles_after_the_migration_is_not_booked_again(
    fresh: str,
) -> None:
    await asyncio.to_thread(old_release, fresh)
    async with open_ledger(fresh) as ledger:
        # Two calls of 0.25 were under way. The process of the older release ends one of them as
        # it knows how; meanwhile this one begins a call of the same run.
        await asyncio.to_thread(
            execute, fresh, "UPDATE budgets SET reserved = reserved - 0.25, spent = spent + 0.05"
        )
        held = await ledger.budgets.reserve((RUN,), Amount(dollars=0.125))
        assert await ledger.budgets.forfeit(RUN) == Amount(dollars=0.25 + 0.125)
        budget = await ledger.budgets.get(RUN)
        left = {one.id: one.amount.dollars for one in await ledger.budgets.unsettled()}
    assert budget is not None
    assert budget.reserved == pytest.approx(0.0)
    assert budget.spent == pytest.approx(0.25 + 0.05 + 0.25 + 0.125)
    assert left == {f"before-5:{RUN}": 0.25, held.id: 0.125}
