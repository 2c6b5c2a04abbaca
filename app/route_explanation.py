"""What `switchyard route --explain` tells: a decision with every number and word behind it."""

from __future__ import annotations

from agents.routing.decision import Route
from harness.plan import Frozen


class NearExample(Frozen):
    """An example that lies near the request."""

    text: str
    intent: str
    similarity: float
    """Cosine of the two vectors."""
    place: str
    """File and line."""


class Share(Frozen):
    """A word of the request, and its share in the similarity by words."""

    word: str
    weight: float


class Told(Frozen):
    """A candidate and what speaks for it."""

    specialist: str
    intent: str
    probability: float
    """Calibrated: of requests with 0.9, nine of ten belong there."""
    why: str
    nearest: tuple[NearExample, ...]
    speaks_for: tuple[Share, ...]
    speaks_against: tuple[Share, ...]
    """Words that bring the request nearer to another specialist."""


class Stage(Frozen):
    """What a stage said, and how long it took."""

    name: str
    seconds: float
    said: str


class Shown(Frozen):
    """What the model stage is shown, or would be."""

    asked: bool
    prompt: str
    candidates: int
    tokens: int
    """Estimated, well upward."""
    tokens_of_all: int
    """With every specialist of the tenant in place of the short list."""


class Part(Frozen):
    """A piece of a request by itself."""

    text: str
    specialist: str
    probability: float
    sure: bool
    waits: bool = False
    """It comes after the part before it."""


class Cut(Frozen):
    """A place where the request could be split, and what stands on either side."""

    at: str
    parts: tuple[Part, ...]
    why: str


class Explanation(Frozen):
    """A decision with all that led to it."""

    request: str
    route: Route
    stages: tuple[Stage, ...]
    candidates: tuple[Told, ...] = ()
    none: float | None = None
    threshold: float | None = None
    sure: bool | None = None
    outside: bool | None = None
    shown: tuple[Shown, ...] = ()
    cuts: tuple[Cut, ...] = ()
