"""What is kept of known texts: a restart computes only new ones, and no damage is believed."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models.encoder import kept
from models.encoder.cache import Cached
from models.offline.embed import SIZE, embed
from runtime.settings import ROOT

EXAMPLES = ["book a flight", "what is my balance", "stop the music"]


class Hashed:
    """A whole encoder, on hashed words; remembers what it was asked to compute."""

    name = "hashed"
    width = SIZE

    def __init__(self) -> None:
        self.asked: list[str] = []

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.asked.extend(texts)
        return np.array([embed(text) for text in texts], np.float32).reshape(-1, SIZE)


def expected(texts: Sequence[str]) -> NDArray[np.float32]:
    return Hashed().encode(texts)


def file(home: Path) -> Path:
    return home / "embeddings-hashed.sqlite"


def again(home: Path, texts: Sequence[str]) -> list[str]:
    """What a new process would compute for these texts; its vectors are right in any case."""
    encoder = Hashed()
    np.testing.assert_array_equal(Cached(encoder, home).encode_known(texts), expected(texts))
    return encoder.asked


def test_a_restart_computes_only_new_examples(tmp_path: Path) -> None:
    assert again(tmp_path, EXAMPLES) == EXAMPLES
    assert again(tmp_path, EXAMPLES) == []
    assert again(tmp_path, ["play it again", *EXAMPLES, "play it again"]) == ["play it again"]
    assert again(tmp_path, []) == []


def test_what_users_write_is_never_kept(tmp_path: Path) -> None:
    encoder = Hashed()
    cached = Cached(encoder, tmp_path)
    cached.encode_known(EXAMPLES)
    before = file(tmp_path).read_bytes()
    np.testing.assert_array_equal(cached.encode(["my secret"]), expected(["my secret"]))
    assert file(tmp_path).read_bytes() == before
    assert again(tmp_path, ["my secret"]) == ["my secret"]


def test_examples_stand_in_the_file_by_their_hash_only(tmp_path: Path) -> None:
    again(tmp_path, EXAMPLES)
    assert b"balance" not in file(tmp_path).read_bytes()


@pytest.mark.parametrize("damage", ["garbage", "cut", "overwritten"])
def test_a_damaged_file_is_made_anew(tmp_path: Path, damage: str) -> None:
    many = [f"example {number}" for number in range(200)]
    again(tmp_path, many)
    whole = file(tmp_path).read_bytes()
    file(tmp_path).write_bytes(
        {
            "garbage": b"no database at all" * 100,
            "cut": whole[: len(whole) // 2],
            "overwritten": whole[:100] + b"\xff" * (len(whole) - 100),
        }[damage]
    )
    assert again(tmp_path, many) == many
    assert again(tmp_path, many) == []


def test_a_vector_with_a_turned_bit_is_computed_anew(tmp_path: Path) -> None:
    again(tmp_path, EXAMPLES)
    with closing(sqlite3.connect(file(tmp_path))) as database, database:
        wrong = (2 * expected(EXAMPLES[:1])[0]).tobytes()
        database.execute("UPDATE vectors SET vector = ? WHERE rowid = 1", (wrong,))
        database.execute("UPDATE vectors SET vector = x'00' WHERE rowid = 2")
    assert again(tmp_path, EXAMPLES) == EXAMPLES[:2]


def test_two_processes_may_write_at_once(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path;"
        "from tests.models.test_encoder_cache import again;"
        "[again(Path(sys.argv[1]), [f'{sys.argv[2]} {n}', 'common']) for n in range(20)]"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path), name], cwd=ROOT)
        for name in ("left", "right")
    ]
    assert [process.wait(60) for process in started] == [0, 0]
    both = [f"{name} {number}" for name in ("left", "right") for number in range(20)]
    assert again(tmp_path, ["common", *both]) == []


def test_a_locked_file_costs_time_and_no_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "_WAIT", 0.05)
    again(tmp_path, EXAMPLES)
    with closing(sqlite3.connect(file(tmp_path), isolation_level=None)) as database:
        database.execute("BEGIN EXCLUSIVE")
        assert again(tmp_path, EXAMPLES) == EXAMPLES
        database.execute("ROLLBACK")
    assert again(tmp_path, EXAMPLES) == []


def test_a_home_that_cannot_be_written_costs_time_and_no_request(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.write_text("a file")
    assert again(home, EXAMPLES) == EXAMPLES


def test_the_oldest_go_first_when_the_file_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "MOST", 2)
    again(tmp_path, EXAMPLES)
    assert again(tmp_path, EXAMPLES[1:]) == []
    assert again(tmp_path, EXAMPLES) == EXAMPLES[:1]
