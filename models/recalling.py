"""Whether answers are given again to identical questions: the `cache` of `models.yaml`.

Apart from what does it, which needs libraries that reading a file does not.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Recalling(BaseModel):
    """`cache` of models.yaml."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    answers: bool = False
    """Whether answers are given again at all."""
    regulated: bool = False
    """Whether those of regulated runs are as well; they lie in the ledger then."""
    seconds: float = Field(default=86_400, gt=0)
    """How old an answer may be; who knows the ledger's retention bounds it by that."""

    def within(self, seconds: float) -> Recalling:
        """The same, with no answer older than `seconds`."""
        return self.model_copy(update={"seconds": min(self.seconds, seconds)})
