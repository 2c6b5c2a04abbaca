"""Start, memory and latency of the package semantic-router with our encoder, on one thread.

The first argument is a file as for `bench.router_cell`, the second the folder of packages from
which the encoder's runtime and weights are taken; the peers' environment does not have them.
"""

# The class to inherit from is known at run time alone.
# mypy: disable-error-code="misc, valid-type"

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from time import perf_counter
from typing import Any

from bench.router_clock import clocked, resident_mb


def started(given: dict[str, Any]) -> Callable[[str], object]:
    """The router, called as its documentation calls it."""
    package = import_module("semantic_router")
    base = import_module("semantic_router.encoders").DenseEncoder
    encoder = import_module("models.encoder").open_encoder(threads=1)

    class Ours(base):
        """Our encoder behind its interface."""

        name: str = "ours"

        def __call__(self, docs: list[Any]) -> list[list[float]]:
            rows: list[list[float]] = encoder.encode([str(one) for one in docs]).tolist()
            return rows

    held: dict[str, list[str]] = {}
    for text, label in zip(given["texts"], given["labels"], strict=True):
        held.setdefault(str(label), []).append(text)
    routes = [package.Route(name=name, utterances=texts) for name, texts in held.items()]
    router: Callable[[str], object] = package.IndexedRouter(encoder=Ours(), routes=routes)
    return router


def main() -> None:
    """Measure, and print one line."""
    given = json.loads(Path(sys.argv[1]).read_text())
    # At the end of the path: its own packages come first.
    sys.path.append(sys.argv[2])
    logging.disable(logging.WARNING)
    import_module("numpy")
    before, began = resident_mb(), perf_counter()
    router = started(given)
    took = perf_counter() - began
    figures = clocked(router, given["timed"])
    memory = {"rss_mb": round(resident_mb() - before, 1), "process_mb": round(resident_mb(), 1)}
    sys.stdout.write(json.dumps({**figures, "startup_s": round(took, 3), **memory}) + "\n")


if __name__ == "__main__":
    main()
