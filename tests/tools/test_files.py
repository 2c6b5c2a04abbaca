"""The files of a run: shared by its workers, through the gate, within quotas, never across runs."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ledger.files import Quotas
from ledger.store import Ledger, open_ledger
from runtime.canonical import Json
from runtime.context import RunContext
from runtime.errors import LimitBreached, RequestError
from runtime.labels import Label
from tests.ledger.postgres import server
from tests.tools.conftest import Door, House
from tools.policy import Policy

WIDE = Quotas()


def worker(task: str = "d1/a", run: str = "r1", specialist: str = "tester") -> RunContext:
    """A worker that declares no tool at all."""
    return RunContext(run=run, task=task, specialist=specialist, label=Label.public)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The ledger on each of its databases."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'files.sqlite'}"
    return server().emptied()


@pytest.fixture
async def shelf(url: str) -> AsyncIterator[Ledger]:
    async with open_ledger(url) as opened:
        yield opened


async def write(door: Door, path: str, content: str, **more: Json) -> str:
    reply = await door.call("files_write", context=worker(), path=path, content=content, **more)
    assert not reply.error, reply.text
    return reply.text


async def test_workers_of_a_run_share_files_without_declaring_a_tool(
    house: House, base: Policy
) -> None:
    async with house.gate(base) as door:
        told = await write(door, "notes/a.md", "one\ntwo\n")
        read = await door.call("files_read", context=worker("d1/b"), path="notes/a.md")
        listed = await door.call("files_list", context=worker("d1/b"), prefix="notes/")
    digest = hashlib.sha256(b"one\ntwo\n").hexdigest()
    assert told == f"Written: notes/a.md, version 1, 8 bytes, sha256 {digest}."
    assert read.text == ("notes/a.md, version 1: lines 1 to 2 of 2\n1\tone\n2\ttwo\nEnd of file.")
    assert read.data["text"] == "one\ntwo"
    assert listed.text == "notes/a.md  8 bytes, version 1, by tester in d1/a"
    assert house.received == []


async def test_a_write_is_decided_recorded_and_reported_and_asks_nobody(
    house: House, base: Policy
) -> None:
    async with house.gate(base) as door:
        reply = await door.call("files_write", context=worker(), path="a", content="x")
    (row,) = await house.ledger.calls.of_run("r1")
    assert (row.decision, row.policies, row.outcome) == ("allow", ["base/own-files"], "ok")
    assert (row.id, row.effect) == (reply.id, None)
    assert [event.phase for event in house.events] == ["called", "answered"]
    (file,) = await house.ledger.files.log("r1")
    assert (file.call, file.task, file.specialist) == (reply.id, "d1/a", "tester")


async def test_a_policy_can_forbid_to_store(house: House) -> None:
    none = '@id("none") forbid (principal, action == Action::"store", resource);'
    async with house.gate(none) as door:
        reply = await door.call("files_write", path="a", content="x")
    assert reply.outcome == "denied"
    assert await house.ledger.files.log("r1") == []


async def test_no_file_of_another_run_can_be_reached(house: House, base: Policy) -> None:
    async with house.gate(base) as door:
        await write(door, "secret.txt", "of run r1")
        other = worker(run="r2")
        read = await door.call("files_read", context=other, path="secret.txt")
        listed = await door.call("files_list", context=other)
        found = await door.call("files_search", context=other, pattern="run")
        named = await door.call("files_read", context=other, path="secret.txt", run="r1")
    assert "there is no 'secret.txt' in this run" in read.text
    assert listed.text == "There are no such files in this run yet."
    assert found.text == "Nothing matches."
    assert named.error
    assert "'run' was unexpected" in named.text


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("", "it is empty"),
        ("/etc/passwd", "is absolute"),
        ("a/../b", "'..'"),
        ("./a", "'.'"),
        ("a//b", "an empty part"),
        ("a/", "an empty part"),
        ("a\nb", "control characters"),
        ("a\u202eb", "control characters"),
        ("a\\b", "backslashes"),
        ("a/ b", "begins or ends with a space"),
        ("x" * 201, "it has 201 characters; at most 200"),
    ],
)
async def test_a_path_that_is_none_is_told_with_the_remedy(
    house: House, base: Policy, path: str, told: str
) -> None:
    async with house.gate(base) as door:
        for tool, more in (("files_write", {"content": "x"}), ("files_read", {})):
            reply = await door.call(tool, context=worker(), path=path, **more)
            assert reply.outcome == "error"
            assert reply.text.startswith("path: ")
            assert told in reply.text
            assert "such as 'notes/findings.md'" in reply.text
    assert await house.ledger.files.log("r1") == []


async def test_create_keeps_what_is_there_replace_and_append_make_new_versions(
    house: House, base: Policy
) -> None:
    async with house.gate(base) as door:
        await write(door, "a", "one\n", call="1")
        again = await door.call(
            "files_write", context=worker("d1/b"), call="2", path="a", content="other"
        )
        await write(door, "a", "two\n", call="3", mode="append")
        await write(door, "a", "three\n", call="4", mode="replace")
    assert again.outcome == "error"
    assert "'a' is there already: version 1, written by task 'd1/a'" in again.text
    log = await house.ledger.files.log("r1")
    assert [file.version for file in log] == [1, 2, 3]
    texts = [await house.ledger.files.read("r1", "a", version) for version in (1, 2, 3, 0)]
    assert [found[1] for found in texts if found] == [
        "one\n",
        "one\ntwo\n",
        "three\n",
        "three\n",
    ]


@pytest.mark.parametrize("mode", ["create", "replace", "append"])
async def test_a_write_made_again_after_a_crash_writes_nothing_new(
    house: House, base: Policy, mode: str
) -> None:
    async with house.gate(base) as door:
        if mode != "create":
            await write(door, "a", "zero\n", call="0")
        await write(door, "a", "one\n", call="1", mode=mode)
        written = await house.ledger.files.log("r1")
        first = await door.call(
            "files_write", context=worker(), call="1", path="a", content="one\n", mode=mode
        )
    # The crash came after the file was written and before the call was closed.
    await house.ledger.calls.close(first.id, "pending", result=None, seconds=0.0)
    async with house.gate(base) as door:
        again = await write(door, "a", "one\n", call="1", mode=mode)
    assert again == first.text
    assert await house.ledger.files.log("r1") == written


async def test_a_long_file_is_read_page_by_page_without_a_gap(house: House, base: Policy) -> None:
    text = "\n".join(f"line {n} " + "x" * (n % 90) for n in range(1, 1001)) + "\n" + "y" * 9_500
    async with house.gate(base) as door:
        await write(door, "long.txt", text)
        pages, start = [], 1
        while start:
            reply = await door.call(
                "files_read", context=worker(), call=f"p{start}", path="long.txt", start_line=start
            )
            assert len(reply.text) < 10_000
            pages.append(reply.data["text"])
            start = reply.data["end_line"] + 1 if "Read on with" in reply.text else 0
        few = await door.call(
            "files_read", context=worker(), path="long.txt", start_line=7, lines=2
        )
        beyond = await door.call("files_read", context=worker(), path="long.txt", start_line=2_000)
    assert "\n".join(pages).replace("\n", "") == text.replace("\n", "")
    assert few.data["text"].splitlines() == text.splitlines()[6:8]
    assert "Read on with start_line 9." in few.text
    assert "start_line: 2000 is no line of long.txt, which has 1010." in beyond.text


async def test_a_search_tells_path_and_line_and_is_capped(house: House, base: Policy) -> None:
    async with house.gate(base) as door:
        await write(door, "logs/a.log", "fine\nERROR 17\nfine\n")
        await write(door, "logs/b.log", "ERROR 18\n" * 80)
        await write(door, "c.txt", "ERROR 19\n")
        one = await door.call(
            "files_search", context=worker(), pattern=r"ERROR \d+", path="logs/a.log"
        )
        many = await door.call("files_search", context=worker(), pattern="ERROR", path="logs/")
        wrong = await door.call("files_search", context=worker(), pattern="(")
    assert one.text == "logs/a.log:2: ERROR 17"
    assert len(many.data["matches"]) == 50
    assert not many.data["complete"]
    assert "Narrow `pattern` or `path`." in many.text
    assert "not a regular expression" in wrong.text


async def test_a_pattern_that_takes_for_ever_ends_and_holds_up_nobody(
    house: House, base: Policy
) -> None:
    async with house.gate(base) as door:
        await write(door, "a", "a" * 900 + "!")
        slow = asyncio.create_task(
            door.call("files_search", context=worker(), pattern=r"(a|aa|a?a)+$")
        )
        async with asyncio.timeout(10):
            quick = await door.call("files_list", context=worker())
            assert not slow.done()
            reply = await slow
    assert not quick.error
    assert "matching took longer than 2 s" in reply.text


async def test_a_quota_stops_before_the_act_and_names_limit_figure_and_file(
    shelf: Ledger,
) -> None:
    quotas = Quotas(run_files=2, run_bytes=10, file_bytes=6)
    put = shelf.files.write
    await put(worker(), "a", "12345", call="1", quotas=quotas)
    with pytest.raises(LimitBreached) as too_long:
        await put(worker(), "a", "67", call="2", mode="append", quotas=quotas)
    with pytest.raises(LimitBreached) as too_much:
        await put(worker(), "b", "123456", call="3", quotas=quotas)
    await put(worker(), "b", "1", call="4", quotas=quotas)
    with pytest.raises(LimitBreached) as too_many:
        await put(worker(), "c", "1", call="5", quotas=quotas)
    # A file that is there may still be written, while its bytes fit.
    await put(worker(), "a", "1234", call="6", quotas=quotas)
    told = [
        (error.value.limit, error.value.allowed, error.value.wanted, error.value.file)
        for error in (too_long, too_much, too_many)
    ]
    assert told == [
        ("file_bytes", 6, 7, "config/limits.yaml"),
        ("run_bytes", 10, 11, "config/limits.yaml"),
        ("run_files", 2, 3, "config/limits.yaml"),
    ]
    totals = await shelf.files.totals("r1")
    assert (totals.files, totals.bytes) == (2, 10)


async def test_a_breach_is_told_to_the_worker(house: House, base: Policy) -> None:
    async with house.gate(base, quotas=Quotas(run_bytes=1_500)) as door:
        reply = await door.call("files_write", context=worker(), path="a", content="x" * 2_000)
    assert reply.outcome == "error"
    assert reply.text == (
        "Limit 'run_bytes' of config/limits.yaml is 1,500, and this would make it 2,000."
        " Nothing was stored."
    )
    assert await house.ledger.files.log("r1") == []


async def test_quotas_hold_under_parallel_writers_of_two_processes(url: str) -> None:
    quotas = Quotas(run_files=7, run_bytes=60, file_bytes=100)

    async def one(ledger: Ledger, n: int) -> bool:
        try:
            await ledger.files.write(worker(), f"f{n}", "1234567890", call=f"c{n}", quotas=quotas)
        except LimitBreached:
            return False
        return True

    async with open_ledger(url) as first, open_ledger(url) as second:
        made = await asyncio.gather(*(one((first, second)[n % 2], n) for n in range(20)))
        totals = await first.files.totals("r1")
    assert sum(made) == 6
    assert (totals.files, totals.bytes) == (6, 60)


async def test_parallel_appends_of_two_processes_lose_nothing(url: str) -> None:
    async with open_ledger(url) as first, open_ledger(url) as second:
        await asyncio.gather(
            *(
                (first, second)[n % 2].files.write(
                    worker(), "log", f"{n}\n", call=f"c{n}", mode="append", quotas=WIDE
                )
                for n in range(20)
            )
        )
        found = await first.files.read("r1", "log")
    assert found is not None
    assert found[0].version == 20
    assert sorted(map(int, found[1].split())) == list(range(20))


async def test_a_digest_is_the_sha256_of_the_content(shelf: Ledger) -> None:
    file = await shelf.files.write(worker(), "ä/ö.txt", "Grüße\n", call="1", quotas=WIDE)
    assert file.digest == hashlib.sha256("Grüße\n".encode()).hexdigest()
    assert await shelf.files.read("r1", "a\u0308/o\u0308.txt") == (file, "Grüße\n")
    assert await shelf.files.read("r1", "ä/ö.txt", version=2) is None


async def test_the_latest_versions_are_listed_by_their_exact_beginning(shelf: Ledger) -> None:
    for n, path in enumerate(("a/1", "a/1", "A/2", "a_3", "a/%")):
        await shelf.files.write(worker(), path, str(n), call=str(n), quotas=WIDE)
    assert [(file.path, file.version) for file in await shelf.files.latest("r1", "a/")] == [
        ("a/%", 1),
        ("a/1", 2),
    ]
    assert len(await shelf.files.latest("r1")) == 4


async def test_a_path_is_refused_by_the_ledger_too(shelf: Ledger) -> None:
    with pytest.raises(RequestError, match="is absolute"):
        await shelf.files.write(worker(), "/a", "x", call="1", quotas=WIDE)
