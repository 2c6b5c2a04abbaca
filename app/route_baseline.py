"""Holds the figures of a golden set against earlier ones: what a change of a spec made of them."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import ValidationError

from app.route_figures import Figures, Outcome, Share
from harness.plan import Frozen
from runtime.errors import RequestError

_BETTER_WHEN_MORE = (
    "accuracy",
    "coverage",
    "precision",
    "out_of_scope_declined",
    "short_list",
    "split_precision",
    "split_recall",
)
_BETTER_WHEN_LESS = ("out_of_scope_taken", "wrongly_declined", "wrongly_split")
_BESIDE = ("missed", "changes")
"""What `bench --json` prints beside the figures."""


class Moved(Frozen):
    """A figure that is not what it was."""

    name: str
    before: float
    now: float
    better: bool


class Changed(Frozen):
    """A request that goes another way, or is decided by another stage."""

    before: Outcome
    now: Outcome

    @property
    def better(self) -> bool | None:
        """Right now, wrong before; None where neither is."""
        return None if self.before.right == self.now.right else self.now.right


class Changes(Frozen):
    """What differs from the baseline."""

    figures: tuple[Moved, ...]
    requests: tuple[Changed, ...]
    """Those that stand in both golden sets."""
    added: int
    removed: int
    """Requests that stand in one of the two only; with any of them figures do not compare."""
    same_router: bool
    """Both were trained on the same examples and settings."""


def read_baseline(file: Path) -> Figures:
    """The figures that an earlier `bench --json` printed.

    Raises:
        RequestError: the file cannot be read or holds something else.
    """
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(data, dict):
            raise ValueError("no object")
        return Figures.model_validate(
            {name: value for name, value in data.items() if name not in _BESIDE}
        )
    except (OSError, ValidationError, ValueError) as error:
        told = str(error).partition("\n")[0]
        raise RequestError(
            f"is no earlier result: {told}",
            field="baseline",
            value=str(file),
            remedy="Make one: switchyard route bench GOLDEN --json > earlier.json",
        ) from error


def compare(before: Figures, now: Figures) -> Changes:
    """What got better or worse."""
    earlier = {one.text: one for one in before.outcomes}
    later = {one.text: one for one in now.outcomes}
    both = [text for text in later if text in earlier]
    return Changes(
        figures=tuple(_moved(before, now)),
        requests=tuple(
            Changed(before=earlier[text], now=later[text])
            for text in both
            if (earlier[text].went, earlier[text].stage, earlier[text].wanted)
            != (later[text].went, later[text].stage, later[text].wanted)
        ),
        added=len(later) - len(both),
        removed=len(earlier) - len(both),
        same_router=before.router == now.router,
    )


def _moved(before: Figures, now: Figures) -> list[Moved]:
    found = []
    for name in (*_BETTER_WHEN_MORE, *_BETTER_WHEN_LESS):
        was: Share = getattr(before, name)
        is_now: Share = getattr(now, name)
        if was.value is None or is_now.value is None or was.value == is_now.value:
            continue
        more = is_now.value > was.value
        found.append(
            Moved(
                name=name,
                before=was.value,
                now=is_now.value,
                better=more if name in _BETTER_WHEN_MORE else not more,
            )
        )
    return found
