"""The vectors that the local stage works on: the installed encoder's, or those of tier `embed`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from models.encoder import open_encoder
from models.encoder.cache import Cached
from models.encoder.tier import TierEncoder
from runtime.context import RunContext

Embeddings = Literal["local", "tier", "none"]

LAYERS = (4, 5, 6)
"""The last three of six: their mean tells intents apart better than the last one alone (1.3 points
of accuracy on CLINC150's validation split with 10 examples), for the same time."""


def routing_encoder(home: Path, threads: int = 2) -> Cached | None:
    """The installed encoder as routing uses it; None where its weights are not installed.

    What it is trained on is kept under `home`, so that a restart computes new examples only.

    Raises:
        ConfigError: the installed files are not the published ones.
    """
    encoder = open_encoder(threads, layers=LAYERS)
    return None if encoder is None else Cached(encoder, home)


class AskedEncoder:
    """Tier `embed` for callers in a thread, on behalf of one run.

    Every call waits for the event loop on which the models were opened, so it must never be made
    on that loop.
    """

    def __init__(
        self, tier: TierEncoder, context: RunContext, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._tier, self._context, self._loop = tier, context, loop
        self.name = tier.name
        self.width = 0

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row for each text.

        Raises:
            BoundaryBreach, BudgetExceeded, ModelUnavailable, ModelFault: as from `TierEncoder`.
        """
        asked = self._tier.encode(texts, self._context)
        return asyncio.run_coroutine_threadsafe(asked, self._loop).result()

    def encode_known(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row for each text of the installation; only new ones are asked for.

        Raises:
            BoundaryBreach, BudgetExceeded, ModelUnavailable, ModelFault: as from `TierEncoder`.
        """
        asked = self._tier.learn(texts, self._context)
        return asyncio.run_coroutine_threadsafe(asked, self._loop).result()
