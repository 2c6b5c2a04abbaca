"""The fixed job of `make bench-tokens`: eight reviews, then three comparisons of what they found.

Only the standard library: the peers read this file from an environment of their own.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

REVIEWS = tuple(f"review-{number}" for number in range(1, 9))
COMPARISONS = {
    "compare-1": ("review-1", "review-2", "review-3"),
    "compare-2": ("review-4", "review-5", "review-6"),
    "compare-3": ("review-6", "review-7", "review-8"),
}
SYSTEM = (
    "You are a purchasing analyst. Work from the sources that your tool returns and from nothing"
    " else. Name figures exactly as they stand there. Say what is missing; do not guess."
)
"""The instructions of every worker, in every system."""
READ = "read_source"
READ_HELP = "The source on a topic."

_SUPPLIERS = [
    "Arden",
    "Brookfield",
    "Calder",
    "Dunmore",
    "Eskdale",
    "Farnley",
    "Garston",
    "Helmsley",
]
_WORDS = [
    "delivery",
    "contract",
    "audit",
    "penalty",
    "warranty",
    "margin",
    "capacity",
    "workshop",
    "forecast",
    "supplier",
    "notice",
    "invoice",
    "discount",
    "quality",
    "batch",
    "recall",
    "transport",
    "storage",
    "deposit",
    "clause",
    "renewal",
    "schedule",
    "volume",
    "shortage",
    "inspection",
    "certificate",
    "complaint",
    "response",
    "region",
    "warehouse",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """One task of the job."""

    id: str
    topic: str
    """What its tool call reads."""
    objective: str
    needs: tuple[str, ...] = ()
    """Tasks whose results it is given."""


def _review(id: str, supplier: str) -> Assignment:
    return Assignment(
        id=id,
        topic=f"supplier-{supplier.lower()}",
        objective=(
            f"[{id}] Review the supplier {supplier}. Read the source on the topic"
            f" 'supplier-{supplier.lower()}', then state delivery reliability, price development"
            " over the last four quarters, open complaints, and the clause under which the contract"
            " can be ended. Close with one sentence on whether to keep the supplier. About 110"
            " words, figures exactly as in the source."
        ),
    )


def _comparison(id: str, needs: tuple[str, ...]) -> Assignment:
    named = ", ".join(supplier_of(one) for one in needs)
    return Assignment(
        id=id,
        topic=f"guideline-{id[-1]}",
        needs=needs,
        objective=(
            f"[{id}] Compare the suppliers {named} by their reviews, which you are given. Read the"
            f" source on the topic 'guideline-{id[-1]}' for how to weigh reliability against price,"
            " then rank the three and give the reason for each place. About 110 words, figures"
            " exactly as in the reviews."
        ),
    )


def supplier_of(review: str) -> str:
    """The supplier that a review is about."""
    return _SUPPLIERS[int(review.rpartition("-")[2]) - 1]


ASSIGNMENTS: dict[str, Assignment] = {
    one.id: one
    for one in (
        *(_review(id, supplier_of(id)) for id in REVIEWS),
        *(_comparison(id, needs) for id, needs in COMPARISONS.items()),
    )
}

REQUEST = (
    "Review our eight suppliers and compare them in three groups for the yearly purchasing round."
)
"""The request as a person would put it."""
WHOLE = (
    REQUEST + "\n\nThe tasks:\n" + "\n".join(f"- {one.objective}" for one in ASSIGNMENTS.values())
)
"""The request for systems that have no file with the tasks in it."""


def source(topic: str) -> str:
    """What the tool returns: about 1,500 bytes, the same for the same topic."""
    rng = random.Random(f"source {topic}")
    lines = [f"Source on {topic}."]
    while sum(map(len, lines)) < 1_450:
        words = " ".join(rng.choice(_WORDS) for _ in range(9))
        lines.append(
            f"{words.capitalize()}: {rng.randint(2, 98)} % in quarter {rng.randint(1, 4)}."
        )
    return "\n".join(lines)


def finding(id: str) -> str:
    """What a worker hands over: about 150 tokens, the same in every system."""
    rng = random.Random(f"finding {id}")
    lines = [f"[{id}]"]
    for _ in range(9):
        words = " ".join(rng.choice(_WORDS) for _ in range(10))
        lines.append(f"{words.capitalize()} {rng.randint(2, 98)} %.")
    return " ".join(lines)


def summary() -> str:
    """What a main agent says in the end, in the systems that have one."""
    return "The purchasing round: " + " ".join(finding(id)[12:200] for id in COMPARISONS)
