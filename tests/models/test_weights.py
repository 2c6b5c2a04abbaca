"""The order of deployments: by `order`, among equals by weight, and the same again for a replay."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from models.deployment import Deployment
from models.weights import drawn
from runtime.context import RunContext
from runtime.errors import ConfigError
from tests.models.door import configured, entry


def _tier(folder: Path, **weights: float | None) -> tuple[Deployment, ...]:
    entries = [entry(id, model="offline/extract", weight=one) for id, one in weights.items()]
    return configured(folder, entries).tier("work")


def _contexts(count: int) -> list[RunContext]:
    return [RunContext(run=f"r{i}", task="d1") for i in range(count)]


def test_without_weights_the_order_of_the_file_stands(tmp_path: Path) -> None:
    tier = _tier(tmp_path, one=None, two=None, three=None)
    assert all(drawn(tier, context) == tier for context in _contexts(50))


def test_each_comes_first_as_often_as_its_weight_says(tmp_path: Path) -> None:
    tier = _tier(tmp_path, one=6, two=3, three=None)
    first = Counter(drawn(tier, context)[0].id for context in _contexts(4000))
    shares = {id: count / 4000 for id, count in first.items()}
    assert shares == pytest.approx({"one": 0.6, "two": 0.3, "three": 0.1}, abs=0.03)


def test_one_attempt_stays_with_one_deployment_and_a_replay_finds_the_same(tmp_path: Path) -> None:
    tier = _tier(tmp_path, one=1, two=1)
    again = RunContext(run="r1", task="d1", user="another")
    assert drawn(tier, RunContext(run="r1", task="d1")) == drawn(tier, again)


def test_leaving_one_out_changes_nothing_for_the_others(tmp_path: Path) -> None:
    tier = _tier(tmp_path, one=1, two=2, three=3)
    for context in _contexts(50):
        whole = drawn(tier, context)
        assert drawn([one for one in tier if one.id != "two"], context) == tuple(
            one for one in whole if one.id != "two"
        )


def test_a_weight_never_goes_past_the_order(tmp_path: Path) -> None:
    entries = [
        entry("late", model="offline/extract", order=2, weight=1000),
        entry("early", model="offline/extract", order=1, weight=0.1),
    ]
    tier = configured(tmp_path, entries).tier("work")
    assert {drawn(tier, context)[0].id for context in _contexts(50)} == {"early"}


@pytest.mark.parametrize("key", ["weight", "order"])
def test_a_weight_where_litellm_has_it_is_pointed_to_its_place(tmp_path: Path, key: str) -> None:
    written = entry("one", model="offline/extract").replace(
        "      timeout", f"      {key}: 2\n      timeout"
    )
    with pytest.raises(ConfigError, match="Move it to `model_info`"):
        configured(tmp_path, [written])


@pytest.mark.parametrize(
    ("patience", "named"),
    [("{call_seconds: -1}", "patience.call_seconds"), ("{retries: 3}", "patience.retries")],
)
def test_a_wrong_patience_is_told_with_its_place(tmp_path: Path, patience: str, named: str) -> None:
    with pytest.raises(ConfigError, match=named) as caught:
        configured(tmp_path, [], patience)
    assert caught.value.line == 1
    assert "call_seconds, retry_after_seconds" in caught.value.remedy
