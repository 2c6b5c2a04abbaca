"""Whether `routing.yaml` speaks of specialists that there are: aliases, and terms of tenants."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from agents.routing.settings import Routing, mistakes
from runtime.errors import ConfigError
from runtime.yaml_source import load_yaml


def problems_of_routing(
    file: Path, routing: Routing | None, names: Collection[str]
) -> Iterator[ConfigError]:
    """A problem for each name in the file that fits no specialist.

    Args:
        routing: The file as it loads; None when it does not, which is told elsewhere.
        names: The specialists, those included whose files do not load.
    """
    if routing is None:
        return
    located = load_yaml(file.read_text(encoding="utf-8"), file)
    for one in mistakes(routing, names):
        yield ConfigError(
            one.reason,
            file=file,
            line=located.line(one.path),
            field=".".join(str(part) for part in one.path),
            remedy=one.remedy,
        )
