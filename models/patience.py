"""How long a call waits, for whom, and when a deployment is passed over: the `patience` of
`models.yaml`. Every number of it is a bound; none makes a call wait that could go on elsewhere.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Patience(BaseModel):
    """All times in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    call_seconds: float = Field(default=600.0, gt=0, le=86_400)
    """The end of a call with all its attempts, waits and the one question more."""
    retry_after_seconds: float = Field(default=5.0, ge=0, le=600)
    """The longest Retry-After that is waited for, and only where nobody else is left."""
    pause_seconds: float = Field(default=0.5, ge=0, le=60)
    """Before the last deployment left is tried once more, where it did not say how long."""
    failures: int = Field(default=3, ge=1, le=1000)
    """So many in a row, and a deployment is passed over while there is another."""
    rest_seconds: float = Field(default=20.0, gt=0, le=3600)
    """For so long; then one call tries it."""
