"""A specialist file is changed by one writer at a time, all of it or nothing."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app import proposal_change
from app.proposal_change import Change, write
from app.spec_edit import EditFailed


def test_of_writers_that_read_the_same_file_one_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "desk.md"
    file.write_text("before", encoding="utf-8")
    read = proposal_change.read

    def slowly(path: Path) -> str:
        text = read(path)
        time.sleep(0.05)  # long enough for each of the others to have read it as well
        return text

    monkeypatch.setattr(proposal_change, "read", slowly)

    def attempt(number: int) -> int | None:
        try:
            write(Change(file=file, before="before", after=f"by {number}"))
        except EditFailed:
            return None
        return number

    with ThreadPoolExecutor(4) as pool:
        wrote = [one for one in pool.map(attempt, range(4)) if one is not None]
    assert len(wrote) == 1
    assert file.read_text(encoding="utf-8") == f"by {wrote[0]}"
    assert list(tmp_path.iterdir()) == [file]
