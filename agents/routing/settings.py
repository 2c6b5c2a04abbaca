"""Reads `config/routing.yaml`: thresholds and the words at which a request is split."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from harness.plan import Frozen
from runtime.yaml_source import load_config


class Routing(Frozen):
    """What an operator can set about routing. The file explains each field."""

    confidence: float = Field(gt=0, le=1)
    margin: float = Field(ge=1)
    short_list: int = Field(ge=2, le=20)
    connectives: tuple[str, ...]
    references: frozenset[str]


def load_routing(file: Path) -> Routing:
    """The routing settings.

    Raises:
        ConfigError: the file is missing or wrong; names line, field and remedy.
    """
    return load_config(file, Routing)
