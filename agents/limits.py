"""Reads `config/limits.yaml`: the limits of each effort class."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal

from pydantic import Field

from harness.limits import Limits
from harness.plan import Frozen
from ledger.ceilings import Ceiling, Standing
from runtime.errors import ConfigError
from runtime.yaml_source import load_config


class CallCeiling(Frozen):
    """Of one model call, in its worst case. What is left out has no ceiling."""

    dollars: float | None = Field(default=None, ge=0)
    tokens: int | None = Field(default=None, ge=0)

    def ceiling(self) -> Ceiling:
        return _ceiling(self.dollars, self.tokens)


class DayCeiling(Frozen):
    """Of one UTC day. What is left out has no ceiling."""

    dollars_per_day: float | None = Field(default=None, ge=0)
    tokens_per_day: int | None = Field(default=None, ge=0)

    def ceiling(self) -> Ceiling:
        return _ceiling(self.dollars_per_day, self.tokens_per_day)


class LimitsFile(Frozen):
    """Ceilings of requests, calls and days, and effort classes by name; `standard` must be among
    them."""

    version: Literal[1] = 1
    """Version of the form of this file."""
    request_dollars: float = Field(ge=0)
    """Ceiling of one request in US dollars."""
    request_tokens: int | None = Field(default=None, ge=0)
    """Ceiling of one request in tokens; None for none."""
    call: CallCeiling = CallCeiling()
    everybody: DayCeiling = DayCeiling()
    """Of all tenants together."""
    tenants: dict[str, DayCeiling] = Field(default_factory=dict)
    """By tenant; `default` is of each one that is not named."""
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

    @property
    def standing(self) -> Standing:
        """The ceilings that hold for every model call, whatever its run."""
        named = dict(self.tenants)
        each = named.pop("default", DayCeiling()).ceiling()
        return Standing(
            call=self.call.ceiling(),
            day=self.everybody.ceiling(),
            tenants={name: found.ceiling() for name, found in named.items()},
            tenant=each,
        )


def _ceiling(dollars: float | None, tokens: int | None) -> Ceiling:
    return Ceiling(dollars=math.inf if dollars is None else dollars, tokens=tokens)


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
