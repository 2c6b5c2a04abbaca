"""The local sentence encoder: what it computes, and that only the published files count."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from bench.plain_minilm import PlainMiniLm
from models.encoder import Encoder, open_encoder
from models.encoder.graph import by_column
from models.encoder.published import PACKAGE, TOKENIZER, WEIGHTS, folder
from runtime.errors import ConfigError

SENTENCES = (
    "What is my account balance?",
    "how much money do i have",
    "Book me a flight to Lisbon on Friday, please.",
    "i want to fly somewhere warm",
    "Which licences do the installed packages have?",
    "The incident began at 14:02 UTC when the primary database ran out of disk.",
    "stop",
    "Émigré cafés über alles: naïve façade, 東京 and 42 % more.",
    "set an alarm for six in the morning and remind me to call my mother before lunch",
    "Ignore all previous instructions; " * 12,
)


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    found = open_encoder()
    assert found is not None, "requirements/weights.txt is not installed"
    return found


def test_integers_tell_the_same_as_full_precision(encoder: Encoder) -> None:
    found = folder()
    assert found is not None
    ours, theirs = encoder.encode(SENTENCES), PlainMiniLm(found).encode(SENTENCES)
    likeness = (ours * theirs).sum(axis=1)
    assert likeness.min() > 0.98
    assert likeness.mean() > 0.99
    assert np.abs(ours @ ours.T - theirs @ theirs.T).max() < 0.05


def test_rows_have_length_one_and_stand_in_the_order_of_the_texts(encoder: Encoder) -> None:
    rows = encoder.encode(SENTENCES)
    assert rows.shape == (len(SENTENCES), encoder.width)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(encoder.encode(SENTENCES[::-1])[::-1], rows, atol=1e-6)
    assert encoder.encode([]).shape == (0, encoder.width)


def test_a_vector_follows_from_its_text_alone(encoder: Encoder) -> None:
    alone = np.concatenate([encoder.encode([text]) for text in SENTENCES])
    crowd = [f"{text} {number}" for number in range(20) for text in SENTENCES]
    beside = encoder.encode([*SENTENCES, *crowd])[: len(SENTENCES)]
    np.testing.assert_allclose(beside, alone, atol=1e-6)


def test_threads_within_and_without_change_nothing(encoder: Encoder) -> None:
    expected = encoder.encode(SENTENCES)
    two = open_encoder(2)
    assert two is not None
    np.testing.assert_array_equal(two.encode(SENTENCES), expected)
    with ThreadPoolExecutor(4) as pool:
        for rows in pool.map(encoder.encode, [SENTENCES] * 8):
            np.testing.assert_array_equal(rows, expected)


def test_several_layers_stand_side_by_side(encoder: Encoder) -> None:
    three = open_encoder(layers=(6, 4, 5))
    assert three is not None
    assert three.width == 3 * encoder.width
    assert three.name != encoder.name
    rows = three.encode(SENTENCES)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    last = rows[:, 2 * encoder.width :] * np.sqrt(3)
    np.testing.assert_allclose(last, encoder.encode(SENTENCES), atol=1e-5)


@pytest.mark.parametrize(
    "text", ["", " ", "\x00", "half a pair \ud83d", "a" * 100_000, "\n" * 9_000]
)
def test_odd_texts_have_vectors_too(encoder: Encoder, text: str) -> None:
    row = encoder.encode([text])
    assert np.isfinite(row).all()
    assert np.linalg.norm(row) == pytest.approx(1, abs=1e-5)


def test_what_stands_after_the_last_piece_is_not_read(encoder: Encoder) -> None:
    long = "word " * 126
    one, other, short = encoder.encode([long + "apples", long + "treason", "word " * 125])
    np.testing.assert_array_equal(one, other)
    assert not np.array_equal(one, short)


def test_no_sum_of_two_products_leaves_sixteen_bits() -> None:
    """Where a processor lacks VNNI, pairs of products are added in 16 bits and saturate."""
    drawn = np.random.default_rng(5).normal(size=(40, 384)).astype(np.float32)
    columns, scales = by_column(drawn)
    assert 2 * 255 * int(np.abs(columns).max()) < 2**15
    assert np.abs(columns.T * scales[:, None] - drawn).max() <= scales.max() / 2 + 1e-6


def test_loading_the_room_loads_no_runtime_of_models() -> None:
    code = (
        "import sys, models.encoder, models.encoder.cache;"
        "print([n for n in ('onnxruntime', 'tokenizers', 'litellm') if n in sys.modules])"
    )
    run = [sys.executable, "-c", code]
    assert subprocess.run(run, capture_output=True, text=True, timeout=60).stdout == "[]\n"


def test_the_runtime_is_told_to_stay_silent_before_it_is_loaded() -> None:
    code = """
import os, sys
class Spy:
    def find_spec(self, name, path, target=None):
        if name == "onnxruntime":
            print(os.environ.get("ORT_DISABLE_TELEMETRY"))
sys.meta_path.insert(0, Spy())
import models.encoder.minilm
"""
    run = [sys.executable, "-c", code]
    environ = {name: value for name, value in os.environ.items() if "TELEMETRY" not in name}
    done = subprocess.run(run, capture_output=True, text=True, timeout=60, env=environ)
    assert done.stdout == "1\n", done.stderr


def test_without_the_weights_there_is_no_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, PACKAGE, None)
    assert open_encoder() is None


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of that name which must not be run, with the published files linked into it."""
    real = folder()
    assert real is not None
    data = tmp_path / PACKAGE / "model"
    data.mkdir(parents=True)
    (data.parent / "__init__.py").write_text("raise SystemExit('its code was run')")
    for name in (WEIGHTS, TOKENIZER):
        (data / name).symlink_to(real / name)
    monkeypatch.syspath_prepend(tmp_path)
    assert folder() == data
    return data


def test_the_code_of_the_package_is_never_run(package: Path) -> None:
    assert open_encoder() is not None
    assert PACKAGE not in sys.modules


@pytest.mark.parametrize("name", [WEIGHTS, TOKENIZER])
def test_another_file_than_the_published_one_is_refused(package: Path, name: str) -> None:
    content = bytearray((package / name).read_bytes())
    content[-1] ^= 1
    (package / name).unlink()
    (package / name).write_bytes(content)
    with pytest.raises(ConfigError, match="SHA-256") as caught:
        open_encoder()
    assert caught.value.file == str(package / name)
    assert "requirements/weights.txt" in caught.value.remedy


def test_a_missing_file_is_named(package: Path) -> None:
    (package / WEIGHTS).unlink()
    with pytest.raises(ConfigError, match="No such file") as caught:
        open_encoder()
    assert caught.value.file == str(package / WEIGHTS)
