"""Data labels: how sensitive the data of a run is, and up to which label a target is cleared."""

from __future__ import annotations

from enum import StrEnum


class Label(StrEnum):
    """public < internal < regulated. A run's label only ever rises."""

    public = "public"
    internal = "internal"
    regulated = "regulated"

    @property
    def rank(self) -> int:
        return _RANKS[self]

    def permits(self, data: Label) -> bool:
        """True when a target cleared up to this label may receive `data`."""
        return data.rank <= self.rank


_RANKS = {label: rank for rank, label in enumerate(Label)}


def highest(*labels: Label) -> Label:
    """The most sensitive of the labels given; `public` for none."""
    return max(labels, key=lambda label: label.rank, default=Label.public)
