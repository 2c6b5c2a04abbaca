"""Vectors pass the same door: the deadline of a call, one request, a look at what comes back."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from pathlib import Path

import pytest

from runtime.errors import ModelUnavailable
from tests.models.door import CONTEXT, entry, room
from tests.models.raw import Raw, saying

WORK = entry("offline-work", model="offline/extract", price=0.0, cleared="regulated")


async def embed(folder: Path, raw: Raw, patience: str = "{pause_seconds: 0.01}") -> str:
    """How the deployment's call ended; the offline one answers then, if there is time."""
    vectors = entry("vectors", tier="embed", model="openai/e", base=f"{raw.url}/v1")
    async with room(folder, [WORK, vectors], patience=patience) as opened:
        await opened.models.warm()
        with suppress(ModelUnavailable):
            assert len(await opened.models.embed(["hi"], CONTEXT)) == 1
        (id, outcome), *_ = await opened.outcomes()
    assert id == "vectors"
    return outcome


@pytest.fixture(scope="module", autouse=True)
def _loaded(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The vendor's client is loaded with the first call, which takes seconds."""

    async def once() -> None:
        async with saying() as raw:
            await embed(tmp_path_factory.mktemp("loaded"), raw)

    asyncio.run(once())


async def test_vectors_have_no_more_time_than_their_call(tmp_path: Path) -> None:
    async with saying(hangs=True) as raw:
        began = time.monotonic()
        assert await embed(tmp_path, raw, "{call_seconds: 0.5}") == "timeout"
        assert time.monotonic() - began < 5, "the deployment itself may take ten"
        assert len(raw.requests) == 1


async def test_a_redirect_is_not_followed_not_even_to_the_same_place(tmp_path: Path) -> None:
    async with saying(status=307, headers={"location": "/v1/embeddings"}) as raw:
        assert await embed(tmp_path, raw) == "redirected"
        assert len(raw.requests) == 1


async def test_a_page_is_no_vector(tmp_path: Path) -> None:
    async with saying(b"<html>Sign in</html>", kind="text/html") as raw:
        assert await embed(tmp_path, raw) == "broken_answer"
        assert len(raw.requests) == 1


async def test_more_bytes_than_vectors_have_are_not_read(tmp_path: Path) -> None:
    async with saying(b"[" * 3_000_000) as raw:
        assert await embed(tmp_path, raw) == "too_long"
        assert len(raw.requests) == 1
