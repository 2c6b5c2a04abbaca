"""The figures of routing on a golden set, as they are printed, kept and compared."""

from __future__ import annotations

from harness.plan import Frozen


class Share(Frozen):
    """A share of requests, with the interval that holds the true one with 95 % confidence."""

    count: int
    of: int
    value: float | None
    """None where there is nothing to count."""
    low: float
    high: float
    """Clopper and Pearson (1934): exact, never too narrow."""


class Confusion(Frozen):
    """Requests for one that went to another."""

    wanted: str
    went: str
    count: int
    sure: int
    """Of them, those that were decided without a model."""
    requests: tuple[str, ...]


class Outcome(Frozen):
    """What became of one request."""

    text: str
    wanted: str
    went: str
    stage: str
    """The stage that decided; `open` where it was left to a model that was not asked."""
    right: bool


class Figures(Frozen):
    """How routing does on a golden set."""

    router: str
    requests: int
    promise: float
    accuracy: Share
    """In scope: they went, or as the best guess would go, where they belong."""
    coverage: Share
    """In scope: somebody got them without a model."""
    precision: Share
    """Of the requests that somebody got without a model: they belong there."""
    verdict: str
    """Whether the promised precision is kept, in words."""
    stages: dict[str, Share]
    """`rule`, `local`, `model` (asked, or left to it), and `clarify`, `decline` for no model."""
    intents: Share | None = None
    """Of requests with an intent that went right: the intent is right as well."""
    out_of_scope_declined: Share
    """Out of scope, and declined: without a model, or by it where it was asked."""
    out_of_scope_taken: Share
    """Out of scope, and given to somebody without a model."""
    wrongly_declined: Share
    """In scope, and declined."""
    short_list: Share
    """Unsure and in scope: the right specialist is among those that the model is shown."""
    split_precision: Share
    """Requests that were split: into the right parts, in the right order."""
    split_recall: Share
    """Requests with several intents: split into the right parts, in the right order."""
    wrongly_split: Share
    """Requests with one intent that were split."""
    p50_ms: float
    p99_ms: float
    """Of the stages without a model, by request."""
    confusions: tuple[Confusion, ...]
    """The most frequent first."""
    outcomes: tuple[Outcome, ...]
    """In the order of the golden set: what a later run is compared with."""
    tokens: int = 0
    dollars: float = 0.0
    """Of tier `route`, where it was asked."""
    held_out: bool = False
    """The requests are the specialists' own examples, each decided without itself."""
