"""The files of a run on both databases; their rules are tested with the tools that write them."""

from __future__ import annotations

import asyncio

import pytest

from ledger.files import Quotas, Totals
from ledger.store import Ledger
from runtime.errors import LimitBreached
from tests.ledger.rows import CONTEXT, RUN


async def write(ledger: Ledger, path: str, content: str, call: str, **quotas: int) -> int:
    file = await ledger.files.write(
        CONTEXT, path, content, call=call, mode="append", quotas=Quotas(**quotas)
    )
    return file.version


async def test_versions_of_parallel_writers_have_no_gaps(ledger: Ledger, other: Ledger) -> None:
    versions = await asyncio.gather(
        *(write(one, "log.md", f"{n};", f"c{n}") for n, one in enumerate((ledger, other) * 8))
    )
    assert sorted(versions) == list(range(1, 17))
    found = await ledger.files.read(RUN, "log.md")
    assert found is not None
    assert sorted(found[1].split(";")) == sorted(["", *map(str, range(16))])
    first = await ledger.files.read(RUN, "log.md", 1)
    assert first is not None
    assert found[1].startswith(first[1])


async def test_parallel_writers_of_other_paths_share_a_quota(ledger: Ledger, other: Ledger) -> None:
    async def one(n: int) -> bool:
        try:
            await write((ledger, other)[n % 2], f"{n}.md", "x" * 10, f"c{n}", run_bytes=50)
        except LimitBreached:
            return False
        return True

    assert sum(await asyncio.gather(*(one(n) for n in range(20)))) == 5
    assert await ledger.files.totals(RUN) == Totals(files=5, bytes=50)


async def test_files_are_listed_by_path_and_told_by_time(ledger: Ledger) -> None:
    for path, content in (("b/2.md", "x"), ("a.md", "y"), ("b/1.md", "z"), ("b/1.md", "zz")):
        await write(ledger, path, content, f"{path}{content}")
    assert [file.path for file in await ledger.files.latest(RUN, "b/")] == ["b/1.md", "b/2.md"]
    assert [file.version for file in await ledger.files.latest(RUN)] == [1, 2, 1]
    assert len(await ledger.files.log(RUN)) == 4
    assert await ledger.files.log("other") == []
    assert await ledger.files.read("other", "a.md") is None


async def test_an_append_that_is_made_again_is_the_same_version(ledger: Ledger) -> None:
    assert [await write(ledger, "a.md", "x", "c1") for _ in range(2)] == [1, 1]
    with pytest.raises(LimitBreached):
        await write(ledger, "a.md", "x" * 20, "c2", file_bytes=10)
