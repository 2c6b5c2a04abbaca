"""How long the scripted model thinks, as a function of a seed and of what was asked.
A real model's times are skewed, so the distribution offered is the lognormal one."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Seconds until the first byte (`median`, spread by `sigma`; 0 is a fixed time) and between
    the events of a stream. No time drawn exceeds `longest`."""

    median: float = 0.0
    sigma: float = 0.0
    seed: int = 0
    between_events: float = 0.0
    longest: float = math.inf

    def seconds(self, digest: str) -> float:
        """The wait for one request; the same seed and digest always give the same."""
        if self.sigma == 0:
            return min(self.median, self.longest)
        draw = random.Random(f"{self.seed}:{digest}").gauss(0.0, self.sigma)
        return min(self.median * math.exp(draw), self.longest)


AT_ONCE = Latency()
