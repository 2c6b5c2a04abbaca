"""Does a prompt fit into a deployment's window? Where it is plain, nothing is sent to learn it."""

from __future__ import annotations

from models.deployment import Deployment
from models.outage import OVERFLOW, Outage
from runtime.canonical import Json, canonical

_BYTES_PER_TOKEN = 4
"""Of English prose. What is denser may not fit in spite of it: then the provider says so, for
nothing. A worst case in its place would cut a whole window to a third for fear of that."""


def check(deployment: Deployment, most: int, *content: Json) -> None:
    """
    Args:
        most: Tokens that the prompt has at the very most.
        content: What it consists of.

    Raises:
        Outage: it cannot fit.
    """
    if most <= deployment.max_input_tokens:
        return
    likely = sum(len(canonical(part).encode(errors="replace")) for part in content if part)
    likely //= _BYTES_PER_TOKEN
    if likely > deployment.max_input_tokens:
        told = f"The prompt has about {likely:,} tokens, and does not fit into {deployment.id!r}."
        raise Outage(OVERFLOW, told, elsewhere=True, billed=False)
