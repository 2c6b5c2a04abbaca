"""Reads `config/limits.yaml`: the limits of each effort class."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from harness.limits import Limits
from harness.plan import Frozen
from runtime.errors import ConfigError
from runtime.yaml_source import load_config


class LimitsFile(Frozen):
    """The ceiling of a request, and effort classes by name; `standard` must be among them."""

    version: Literal[1] = 1
    """Version of the form of this file."""
    request_dollars: float = Field(ge=0)
    """Ceiling of one request in US dollars."""
    run_files: int = Field(default=500, ge=0, le=100_000)
    """Files that the workers of one run may share."""
    run_bytes: int = Field(default=50_000_000, ge=0)
    """Bytes of all files of one run."""
    file_bytes: int = Field(default=5_000_000, ge=0)
    """Bytes of one file."""
    classes: dict[str, Limits]

    def of(self, effort: str) -> Limits:
        """The limits of an effort class; those of `standard` for an unknown one."""
        return self.classes.get(effort, self.classes["standard"])


def load_limits(file: Path) -> LimitsFile:
    """The limits of this installation.

    Raises:
        ConfigError: the file is missing or wrong; names line, field and remedy.
    """
    limits = load_config(file, LimitsFile)
    if "standard" not in limits.classes:
        raise ConfigError(
            "the class 'standard' is missing", file=file, line=1, remedy="Add classes.standard."
        )
    return limits
