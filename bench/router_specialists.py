"""Specialists made of nothing but examples, for data sets that have intents alone."""

from __future__ import annotations

from pathlib import Path

from agents.spec import Escalation, Intent, Specialist
from bench.router_data import Sample


def specialists_of(sample: Sample) -> list[Specialist]:
    """A specialist with one intent for each intent of the sample, in its order."""
    examples: list[list[str]] = [[] for _ in sample.names]
    for text, label in zip(sample.texts, sample.labels, strict=True):
        examples[label].append(text)
    return [
        specialist(name, tuple(said)) for name, said in zip(sample.names, examples, strict=True)
    ]


def specialist(name: str, examples: tuple[str, ...]) -> Specialist:
    """A specialist whose only content is its examples, with a summary of the usual length."""
    words = name.replace("_", " ").rstrip("?").lower()
    return Specialist(
        name=slug(name),
        kind="react",
        summary=f"Answers the requests of customers that are about {words}.",
        intents=(Intent(name=slug(name), examples=examples),),
        outputs={"type": "object"},
        escalation=Escalation(to="nobody", when="never"),
        owner="team: bench",
        instructions="Answers requests in a benchmark of routing.",
        file=Path(f"{slug(name)}.md"),
    )


def slug(name: str) -> str:
    """An intent's name as a specialist may bear it."""
    return name.lower().replace("_", "-").rstrip("?")
