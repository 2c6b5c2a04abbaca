"""Vectors of tier `embed`: examples are paid for once, and no two models are ever mixed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from ledger.store import open_ledger
from models.config import load_models
from models.encoder.kept import Kept
from models.encoder.tier import ANCHOR, TierEncoder
from models.tiers import open_models
from runtime.canonical import Json
from runtime.errors import BoundaryBreach, BudgetExceeded, ModelFault
from runtime.labels import Label
from tests.models.door import CONTEXT, RUN, Room, entry
from tests.provider.faults import server_error
from tests.provider.script import Script
from tests.provider.server import ScriptedProvider

EXAMPLES = ["book a flight", "what is my balance", "stop the music"]


@asynccontextmanager
async def embedding(
    folder: Path, *entries: str, label: Label = Label.internal, ceiling: float = 10.0
) -> AsyncIterator[Room]:
    """Open models whose tier `embed` has these deployments, in a run that is under way."""
    file = written(folder, entries)
    async with open_ledger(f"sqlite+aiosqlite:///{folder / 'ledger.sqlite'}") as ledger:
        await ledger.runs.start(
            RUN, thread="t", request="?", tenant="acme", user="ann", label=label, docs=""
        )
        await ledger.budgets.open(RUN, ceiling)
        async with open_models(load_models(file, {}), ledger) as models:
            yield Room(models, ledger)


def written(folder: Path, entries: Sequence[str]) -> Path:
    folder.mkdir(exist_ok=True)
    offline = [local(tier) for tier in ("route", "plan", "work", "judge")]
    (folder / "models.yaml").write_text("model_list:\n" + "".join([*offline, *entries]))
    return folder / "models.yaml"


def local(tier: str = "embed") -> str:
    return entry(
        f"offline-{tier}", tier=tier, model="offline/extract", price=0.0, cleared="regulated"
    )


def vendor(provider: ScriptedProvider) -> str:
    """Tried before the others."""
    return entry("vendor", tier="embed", model="openai/e", base=provider.openai_base, order=0)


def sent(provider: ScriptedProvider) -> list[Json]:
    return [request.body["input"] for request in provider.requests]


async def paid(opened: Room) -> int:
    return len(await opened.calls())


async def test_requests_are_near_the_examples_that_they_resemble(tmp_path: Path) -> None:
    async with embedding(tmp_path, local()) as opened:
        encoder = TierEncoder(opened.models, tmp_path)
        examples = await encoder.learn(EXAMPLES, CONTEXT)
        rows = await encoder.encode(["book flights", "show my balance", "book flights"], CONTEXT)
    np.testing.assert_allclose(np.linalg.norm(examples, axis=1), 1, atol=1e-5)
    assert (rows @ examples.T).argmax(axis=1).tolist() == [0, 1, 0]


async def test_a_restart_pays_for_new_examples_only(tmp_path: Path) -> None:
    with ScriptedProvider(Script()) as provider:
        async with embedding(tmp_path, vendor(provider), local()) as opened:
            first = await TierEncoder(opened.models, tmp_path).learn(EXAMPLES, CONTEXT)
            again = await TierEncoder(opened.models, tmp_path).learn(EXAMPLES, CONTEXT)
            more = await TierEncoder(opened.models, tmp_path).learn(["new", *EXAMPLES], CONTEXT)
            assert await paid(opened) == 2
        assert sent(provider) == [[ANCHOR, *EXAMPLES], [ANCHOR, "new"]]
    np.testing.assert_array_equal(again, first)
    np.testing.assert_array_equal(more[1:], first)


async def test_many_examples_go_in_several_calls(tmp_path: Path) -> None:
    many = [f"example number {number}" for number in range(300)]
    async with embedding(tmp_path, local()) as opened:
        rows = await TierEncoder(opened.models, tmp_path).learn(many, CONTEXT)
        assert await paid(opened) == 3
    assert len(rows) == 300


async def test_vectors_of_a_fallback_are_never_held_against_the_examples(tmp_path: Path) -> None:
    broken = dict.fromkeys(range(1, 9), server_error())
    with ScriptedProvider(Script(), embedding_faults=broken) as provider:
        async with embedding(tmp_path, vendor(provider), local()) as opened:
            encoder = TierEncoder(opened.models, tmp_path)
            await encoder.learn(EXAMPLES, CONTEXT)
            with pytest.raises(ModelFault) as caught:
                await encoder.encode(["book flights"], CONTEXT)
            assert ("offline-embed", "ok") in await opened.outcomes()
    assert caught.value.fault == "other_model"


async def test_a_model_that_changed_between_two_starts_learns_anew(tmp_path: Path) -> None:
    async with embedding(tmp_path, local()) as opened:
        encoder = TierEncoder(opened.models, tmp_path)
        right = await encoder.learn(EXAMPLES, CONTEXT)
        # As if the deployment had answered otherwise before this start.
        file = tmp_path / f"embeddings-{encoder.name}.sqlite"
        other = np.eye(256, dtype=np.float32)
        Kept(file).write(dict(zip([ANCHOR, *EXAMPLES], other, strict=False)))
        rows = await TierEncoder(opened.models, tmp_path).learn(["new", *EXAMPLES], CONTEXT)
    np.testing.assert_array_equal(rows[1:], right)


async def test_the_boundary_and_the_budget_surface_as_themselves(tmp_path: Path) -> None:
    with ScriptedProvider(Script()) as provider:
        only = vendor(provider)
        async with embedding(tmp_path / "label", only, label=Label.regulated) as opened:
            with pytest.raises(BoundaryBreach):
                await TierEncoder(opened.models, tmp_path).encode(["secret"], CONTEXT)
        async with embedding(tmp_path / "budget", only, ceiling=0.0) as opened:
            with pytest.raises(BudgetExceeded):
                await TierEncoder(opened.models, tmp_path).learn(EXAMPLES, CONTEXT)
        assert provider.requests == []
