"""What tiering saves: the same tokens at one model's prices, cached ones at its cached price."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.config import ModelsConfig, load_models
from models.frontier import Tokens, frontier_of, saving
from runtime.errors import ConfigError, UserError
from runtime.settings import ROOT

SHIPPED = ROOT / "config" / "models.yaml"


def config(profile: str) -> ModelsConfig:
    return load_models(SHIPPED, {"SWITCHYARD_MODELS": profile}, keys=False)


def tokens(tier: str, **counts: float) -> Tokens:
    empty = {"prompt": 0, "completion": 0, "cache_read": 0, "cache_creation": 0, "cost": 0.0}
    return Tokens(tier=tier, **(empty | counts))  # type: ignore[arg-type]


def test_the_dearest_that_chats_is_the_frontier_unless_another_is_named() -> None:
    assert frontier_of(config("offline")) is None
    assert frontier_of(config("local")) is None
    dearest = frontier_of(config("anthropic"))
    assert dearest is not None
    assert dearest.id == "anthropic-opus-plan"
    named = frontier_of(config("offline"), "openai-sol-work")
    assert named is not None
    assert named.model == "openai/gpt-6.1-sol"
    other = frontier_of(config("anthropic"), "bedrock/bedrock-opus-plan")
    assert other is not None
    assert other.id == "bedrock-opus-plan"
    with pytest.raises(UserError, match="No chat deployment 'openai-embed'"):
        frontier_of(config("openai"), "openai-embed")


def test_tokens_are_priced_there_as_they_were_counted_here() -> None:
    opus = frontier_of(config("anthropic"))
    assert opus is not None
    found = saving(
        opus,
        [
            tokens("route", prompt=1_000_000, completion=100_000, cost=0.15),
            tokens("work", prompt=1_000_000, cache_read=400_000, cost=1.24),
            tokens("embed", prompt=1_000_000, cost=0.02),
        ],
    )
    # 4 dollars a million in, 20 out, 0.2 for what was cached.
    there = (4 + 2) + (0.6 * 4 + 0.4 * 0.2) + 0.02
    assert found.there == pytest.approx(there)
    assert found.saved == pytest.approx(there - 1.41)
    assert found.share == pytest.approx(1 - 1.41 / there)
    nothing = saving(opus, [])
    assert (nothing.saved, nothing.share) == (0.0, None)


def test_the_file_may_name_the_frontier_and_it_must_be_there(tmp_path: Path) -> None:
    file = tmp_path / "models.yaml"
    text = SHIPPED.read_text()
    file.write_text(text + "\nfrontier: bedrock/bedrock-sonnet\n")
    found = frontier_of(load_models(file, {}, keys=False))
    assert found is not None
    assert found.id == "bedrock-sonnet"
    file.write_text(text + "\nfrontier: openai-embed\n")
    with pytest.raises(ConfigError, match="no chat deployment 'openai-embed'"):
        load_models(file, {}, keys=False)
