"""Vectors of tier `embed`, for installations that configure it for routing.

A tier may fall back to another deployment, and vectors of two models cannot be compared. So each
call carries one sentence of ours, whose vector tells whether the same model answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.encoder.kept import Kept, Vector
from models.tiers import Models
from runtime.canonical import digest
from runtime.context import RunContext
from runtime.errors import ModelFault

ANCHOR = "The quick brown fox jumps over the lazy dog."
_SAME = 0.999
"""Cosine of two vectors of the anchor from one model; rounding differs from call to call."""
_TOGETHER = 128
"""Texts of one call, which every vendor takes."""


class TierEncoder:
    """Encodes examples once and requests after them, both in the name of somebody's run."""

    def __init__(self, models: Models, home: Path) -> None:
        """`home` is the folder that gets the file with the vectors of examples."""
        self._models = models
        served = [deployment.served_by for deployment in models.deployments("embed")]
        self.name = f"tier-embed-{digest(served)[:12]}"
        self._kept = Kept(home / f"embeddings-{self.name}.sqlite")
        self._anchor: Vector | None = None

    async def learn(self, examples: Sequence[str], context: RunContext) -> NDArray[np.float32]:
        """One row for each example, of length one or zero; only new ones cost tokens.

        Raises:
            BoundaryBreach, BudgetExceeded, ModelUnavailable: as from any call of a tier.
            ModelFault: an answer is unusable, or the model changed between two calls.
        """
        wanted = list(dict.fromkeys([ANCHOR, *examples]))
        found = await asyncio.to_thread(self._kept.read, wanted)
        before = found.get(ANCHOR)
        new = [text for text in wanted if text not in found]
        if before is None or new:
            made = await self._made(new if before is not None else wanted, context)
            if before is not None and not _same(before, made[ANCHOR]):
                # Another model answers than made those that are kept: they are of no use.
                await asyncio.to_thread(self._kept.forget)
                made = await self._made(wanted, context)
            await asyncio.to_thread(self._kept.write, made)
            found |= made
        self._anchor = found[ANCHOR]
        return np.array([found[text] for text in examples], np.float32)

    async def encode(self, texts: Sequence[str], context: RunContext) -> NDArray[np.float32]:
        """One row for each text, of length one or zero; nothing of it is kept.

        Raises:
            BoundaryBreach, BudgetExceeded, ModelUnavailable: as from any call of a tier.
            ModelFault: an answer is unusable, or not of the model that encoded the examples.
        """
        made = await self._made(list(dict.fromkeys(texts)), context, self._anchor)
        return np.array([made[text] for text in texts], np.float32)

    async def _made(
        self, texts: Sequence[str], context: RunContext, anchor: Vector | None = None
    ) -> dict[str, Vector]:
        """Vectors of the texts and of the anchor, all by one model."""
        made: dict[str, Vector] = {}
        others = [text for text in texts if text != ANCHOR]
        for start in range(0, max(1, len(others)), _TOGETHER):
            sent = [ANCHOR, *others[start : start + _TOGETHER]]
            rows = _rows(await self._models.embed(sent, context))
            if anchor is not None and not _same(anchor, rows[0]):
                raise ModelFault(
                    "other_model", "Another model of tier 'embed' answered than the one before."
                )
            anchor = rows[0]
            made |= zip(sent, rows, strict=True)
        return made


def _rows(vectors: Sequence[Sequence[float]]) -> list[Vector]:
    """The vectors at length one; one of nothing but zeros stays as it is."""
    if len({len(vector) for vector in vectors}) > 1:
        raise ModelFault("uneven_vectors", "Tier 'embed' answered with vectors of unequal widths.")
    rows = np.array(vectors, np.float32)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    if not np.isfinite(lengths).all():
        raise ModelFault("not_finite", "Tier 'embed' answered with vectors that are no numbers.")
    return list(rows / np.where(lengths > 0, lengths, 1))


def _same(one: Vector, other: Vector) -> bool:
    return one.shape == other.shape and float(one @ other) >= _SAME
