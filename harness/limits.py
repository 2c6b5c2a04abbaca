"""Limits by effort class: how far deep work may go before it is stopped."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Limits(BaseModel):
    """Ceilings of one effort class. `config/limits.yaml` holds the classes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tasks: int = Field(ge=1, le=10_000)
    """Tasks of one plan. Classes of config/limits.yaml stay at 500 or less."""
    width: int = Field(ge=1, le=64)
    """Tasks that work at the same time."""
    attempts: int = Field(ge=1, le=10)
    """Tries of one task on the tier `work`."""
    escalations: int = Field(ge=0, le=3)
    """Further tries of a task on the stronger tier `plan`."""
    asks: int = Field(default=0, ge=0, le=3)
    """Questions to a person about one task that nobody could do; 0 lets it fail."""
    depth: int = Field(default=1, ge=1, le=5)
    """Plans within plans: 1 lets no task be done by a plan of its own."""
    replans: int = Field(default=0, ge=0, le=5)
    """New plans for the unfinished part of one job."""
    near_duplicates: int = Field(default=0, ge=0, le=500)
    """Pairs of tasks that may nearly repeat each other: same inputs, nearly the same objective."""
    solo_tasks: int = Field(default=0, ge=0, le=10)
    """A chain of at most so many tasks is given to one worker; 0 never does that."""
    model_calls: int = Field(ge=1, le=200)
    """Model calls of one attempt."""
    tool_calls: int = Field(ge=1, le=500)
    """Tool calls of one attempt."""
    repeated_calls: int = Field(ge=1, le=20)
    """Identical tool calls of one attempt; one more is a loop."""
    tokens: int = Field(default=1_000_000, ge=1)
    """Tokens of one attempt, prompts and answers; no model is called once they are used up."""
    task_seconds: float = Field(gt=0)
    """Wall time of one attempt."""
    seconds: float = Field(default=86_400, gt=0)
    """Wall time of one job's execution; pauses for a person do not count."""
    dollars: float = Field(default=1_000_000, ge=0)
    """Ceiling of one job in US dollars, out of what its request or its parent may spend."""
    task_dollars: float = Field(default=1_000_000, ge=0)
    """Ceiling of one task of a plan, all its attempts."""
    job_tokens: int = Field(default=1_000_000_000, ge=0)
    """Ceiling of one job in tokens, prompts and answers, worst cases of open calls included."""
    task_tokens: int = Field(default=1_000_000_000, ge=0)
    """Ceiling of one task of a plan in tokens, all its attempts."""
    revisions: int = Field(default=0, ge=0, le=20)
    """How often the judge may send an answer back."""

    def within(self, parent: Limits) -> Limits:
        """These limits, none of them above the parent's."""
        lower = {
            name: min(getattr(self, name), getattr(parent, name)) for name in Limits.model_fields
        }
        return Limits.model_validate(lower)
