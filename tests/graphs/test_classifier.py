"""Where the local stage gets its vectors: the installed encoder, tier `embed`, or none at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agents.registry import load_registry
from agents.routing.settings import load_routing
from graphs.classifier import LocalStage, train_local_stage
from ledger.ceilings import Ceiling
from ledger.store import Ledger, open_ledger
from models.config import load_models
from models.tiers import open_models
from runtime.context import RunContext
from runtime.errors import BoundaryBreach
from runtime.labels import Label
from runtime.settings import ROOT
from tests.models.door import entry

REGISTRY = load_registry(ROOT / "agents" / "specialists")
ROUTING = load_routing(ROOT / "config" / "routing.yaml")


def tier(name: str, cleared: str = "regulated") -> str:
    model = "offline/hashed" if name == "embed" else "offline/extract"
    return entry(f"offline-{name}", tier=name, model=model, price=0.0, cleared=cleared)


def written(home: Path, cleared: str) -> Path:
    others = [tier(name) for name in ("route", "plan", "work", "judge")]
    file = home / "models.yaml"
    file.write_text("model_list:\n" + "".join([*others, tier("embed", cleared)]))
    return file


def kept(home: Path) -> list[str]:
    return [file.name for file in home.glob("embeddings-*.sqlite")]


@asynccontextmanager
async def trained(
    home: Path, embeddings: str, cleared: str = "regulated"
) -> AsyncIterator[tuple[LocalStage, Ledger]]:
    file = written(home, cleared)
    routing = ROUTING.model_copy(update={"embeddings": embeddings})
    async with (
        open_ledger(f"sqlite+aiosqlite:///{home / 'ledger.sqlite'}") as ledger,
        open_models(load_models(file, {}), ledger) as models,
    ):
        ceiling = Ceiling(dollars=1.0)
        yield await train_local_stage(REGISTRY, routing, home, ledger, models, ceiling), ledger


async def calls(ledger: Ledger) -> int:
    return sum([len(await ledger.spend.of_run(run.id)) for run in await ledger.runs.latest(100)])


async def test_the_installed_encoder_serves_and_keeps_the_examples(tmp_path: Path) -> None:
    async with trained(tmp_path, "local") as (stage, ledger):
        assert stage.encoder is not None
        assert stage.classifier.encoder is stage.encoder
        assert stage.tier is None
        assert await calls(ledger) == 0
    assert kept(tmp_path) == ["embeddings-minilm-l6-int8-layers-4-5-6.sqlite"]


async def test_words_alone_serve_where_the_settings_say_so(tmp_path: Path) -> None:
    async with trained(tmp_path, "none") as (stage, _):
        assert stage.classifier.encoder is None
        assert stage.encoder is not None


async def test_tier_embed_encodes_examples_once_and_requests_on_their_own_run(
    tmp_path: Path,
) -> None:
    async with trained(tmp_path, "tier") as (stage, ledger):
        learned = await calls(ledger)
        assert learned > 0
        await ledger.runs.start(
            "r1", thread="t", request="?", tenant="a", user="b", label=Label.internal, docs=""
        )
        await ledger.budgets.open("r1", 1.0)
        asked = stage.on_behalf_of(RunContext(run="r1", specialist="router", task="route"))
        scored = await asyncio.to_thread(asked.score, "Show me the record of customer 301")
        assert scored.candidates[0].specialist == "crm-lookup"
        assert len(await ledger.spend.of_run("r1")) == 1
    async with trained(tmp_path, "tier") as (_, ledger):
        # Known from the first start, but for a text without any word that the model knows.
        assert await calls(ledger) <= learned + 2 < 2 * learned


async def test_a_deployment_that_is_not_cleared_sees_no_request(tmp_path: Path) -> None:
    async with trained(tmp_path, "tier", cleared="internal") as (stage, ledger):
        await ledger.runs.start(
            "r1", thread="t", request="?", tenant="a", user="b", label=Label.regulated, docs=""
        )
        await ledger.budgets.open("r1", 1.0)
        context = RunContext(run="r1", specialist="router", task="route", label=Label.regulated)
        asked = stage.on_behalf_of(context)
        with pytest.raises(BoundaryBreach):
            await asyncio.to_thread(asked.score, "Show me customer 301")
        assert stage.words is not None
        assert stage.words.score("Show me customer 301").candidates[0].specialist == "crm-lookup"
        assert await ledger.spend.of_run("r1") == []
