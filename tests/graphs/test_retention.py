"""What is older than the retention goes while a server runs, not only at its next start."""

from __future__ import annotations

import asyncio
from pathlib import Path

from graphs.retention import DAY, forgetting
from ledger.store import open_ledger
from models.recalling import Recalling


async def test_what_grows_too_old_is_deleted_while_the_process_lives(tmp_path: Path) -> None:
    now = [1e9]
    async with open_ledger(f"sqlite:///{tmp_path / 'l.sqlite'}", lambda: now[0]) as ledger:
        await ledger.answers.keep("old", {"n": 1})
        async with forgetting(ledger, days=30, answers=10 * DAY, every=0.01):
            now[0] += 5 * DAY
            await ledger.answers.keep("young", {"n": 2})
            assert await ledger.answers.find("old", 1e12) == {"n": 1}
            now[0] += 6 * DAY
            async with asyncio.timeout(5):
                # Only the ledger tells when it was looked at.
                while await ledger.answers.find("old", 1e12) is not None:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        assert await ledger.answers.find("young", 1e12) == {"n": 2}


async def test_the_retention_bounds_what_answers_are_kept_for(tmp_path: Path) -> None:
    now = [1e9]
    async with open_ledger(f"sqlite:///{tmp_path / 'l.sqlite'}", lambda: now[0]) as ledger:
        await ledger.answers.keep("k", {"n": 1})
        now[0] += 31 * DAY
        async with forgetting(ledger, days=30, answers=1e9, every=3600):
            assert await ledger.answers.find("k", 1e12) is None
    assert Recalling(answers=True, seconds=1e9).within(30 * DAY) == Recalling(
        answers=True, seconds=30 * DAY
    )
