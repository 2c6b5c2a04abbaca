"""Limits by effort class: how far deep work may go before it is stopped."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Limits(BaseModel):
    """Ceilings of one effort class. `config/limits.yaml` holds the classes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tasks: int = Field(ge=1, le=500)
    """Tasks of one plan."""
    width: int = Field(ge=1, le=64)
    """Tasks that work at the same time."""
    attempts: int = Field(ge=1, le=10)
    """Tries of one task on the tier `work`."""
    escalations: int = Field(ge=0, le=3)
    """Further tries of a task on the stronger tier `plan`."""
    model_calls: int = Field(ge=1, le=200)
    """Model calls of one attempt."""
    tool_calls: int = Field(ge=1, le=500)
    """Tool calls of one attempt."""
    repeated_calls: int = Field(ge=1, le=20)
    """Identical tool calls of one attempt; one more is a loop."""
    task_seconds: float = Field(gt=0)
    """Wall time of one attempt."""
    revisions: int = Field(default=0, ge=0, le=20)
    """How often the judge may send an answer back."""
