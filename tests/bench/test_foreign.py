"""The benchmark on foreign servers: the part of it that needs no network, and its watch."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from bench.foreign import Bench, called, faults
from bench.foreign_bare import own_tools
from bench.foreign_calls import book_of
from bench.foreign_install import HERE, NPM, PYPI
from bench.foreign_processes import Watch
from bench.foreign_world import World, bookshops, write_config
from ledger.store import open_ledger
from runtime.canonical import Json
from runtime.settings import ROOT
from tools.config import load_tools
from tools.gateway import open_gateway
from tools.policy import load_policy


async def test_an_api_is_the_same_tools_by_its_address_and_by_a_file(tmp_path: Path) -> None:
    world, watch, found = World(folder=tmp_path), Watch(), dict[str, Json]()
    async with (
        bookshops(world) as servers,
        open_ledger(f"sqlite+aiosqlite:///{tmp_path / 'ledger.sqlite'}") as ledger,
    ):
        config = load_tools(write_config(world, servers))
        policy = load_policy(ROOT / "config" / "policy")
        async with open_gateway(config, policy, ledger, environment={}) as gateway:
            bench = Bench(gateway=gateway, ledger=ledger, world=world, watch=watch)
            for name, entry in servers.items():
                found[name] = await called(bench, name, await own_tools(entry, tmp_path))
    assert faults({"servers": found, "processes_left": watch.left()}) == []
    assert {one["tools_in_gateway"] for one in found.values()} == {11}


async def test_a_call_that_goes_otherwise_is_a_fault() -> None:
    call = {"tool": "x_y", "wrong": "outcome error"}
    one = {"calls": [call], "sent": 19, "same_tools": False, "audited": False, "chain_damages": [1]}
    one |= {"tools_in_gateway": 1, "tools_listed": 2, "audit_rows": 0, "made": 1}
    assert len(faults({"servers": {"x": one}, "processes_left": [7]})) == 6


@pytest.mark.parametrize("server", [*NPM, *PYPI, "api"])
def test_every_server_has_calls_enough(server: str) -> None:
    assert len(book_of(server, World(folder=Path("/nowhere"))).calls) >= 20


def test_locks_hold_hashes_and_no_address_of_an_index() -> None:
    for lock in (*HERE.glob("*.txt"), HERE / "package-lock.json"):
        text = lock.read_text()
        assert "sha256:" in text or '"integrity": "sha512-' in text
        assert not any(
            word in text for word in ("resolved", "index-url", "find-links", "://registry")
        )


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are read from /proc")
async def test_a_process_that_is_left_is_seen_until_it_ends() -> None:
    watch = Watch()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-S", "-c", "input()"), stdin=subprocess.PIPE
    )
    watch.look()
    assert watch.left() == [process.pid]
    process.kill()
    await process.wait()
    assert (watch.seen, watch.left()) == (1, [])
