"""The fuzz of the boundary: a sample of it holds, and it can fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.boundary import SAMPLE, fuzz, without


async def test_a_sample_of_drawn_cases_leaks_nothing(tmp_path: Path) -> None:
    found = await fuzz(tmp_path, SAMPLE, 7)
    watch = found.world.watch
    assert watch.leaks == []
    assert found.spilled == 0
    assert found.world.misled == []
    assert watch.received["stranger"] == 0
    assert min(watch.received[kind] for kind in ("public", "internal", "regulated")) > 0
    assert found.told > 0, "traces of other runs arrive"
    assert watch.arrived["regulated at regulated"] > 0


@pytest.mark.parametrize("parts", [{"choice"}, {"guard"}])
async def test_without_one_of_them_the_others_hold(tmp_path: Path, parts: set[str]) -> None:
    with without(parts):
        found = await fuzz(tmp_path, 16, 7)
    assert found.world.watch.leaks == []
    assert found.world.watch.received["stranger"] == 0


@pytest.mark.parametrize("parts", [{"choice", "guard"}, {"wall"}])
async def test_without_them_it_leaks_and_is_seen(tmp_path: Path, parts: set[str]) -> None:
    with without(parts):
        found = await fuzz(tmp_path, 16, 7)
    assert found.world.watch.leaks
    assert not found.clean


async def test_without_discretion_a_trace_tells_and_is_seen(tmp_path: Path) -> None:
    with without({"tracing"}):
        found = await fuzz(tmp_path, 16, 7)
    assert found.spilled > 0
