"""What the arguments of a tool call may be taken from."""

from __future__ import annotations

from dataclasses import dataclass

from models.offline.conversation import Conversation
from models.offline.passages import passages
from models.offline.sources import Source, gather


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What arguments are taken from."""

    objective: str
    given: tuple[Source, ...]
    """The brief's inputs, one source each."""
    results: tuple[Source, ...]
    """The newest first."""

    @property
    def everything(self) -> tuple[Source, ...]:
        return (*self.given, *self.results)

    @property
    def has_passages(self) -> bool:
        """True when passages of documents are at hand."""
        return bool(passages(self.everything))


def gathered(conversation: Conversation) -> Material:
    inputs = conversation.brief.inputs
    sources = gather(conversation)
    named = tuple(Source(name=name, value={name: value}) for name, value in inputs.items())
    other = tuple(source for source in sources if not source.is_result and source.name != "inputs")
    return Material(
        objective=conversation.brief.objective,
        given=(*named, *other),
        results=tuple(source for source in sources if source.is_result),
    )
