"""Gives the answer to an identical question again instead of asking: an operator's choice.

Only where nothing is left to chance (temperature 0), within one tenant and one data label, and
from the deployment's own model: a hit tells nobody anything that they could not have asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import uuid4

from langchain_core.messages import AIMessage

from ledger.store import Ledger
from models.answers import Received
from models.checks import Raw, RawCall
from models.deployment import Deployment
from models.recalling import Recalling
from runtime.canonical import Json, digest
from runtime.context import RunContext
from runtime.labels import Label

_SHORTEST = 9
"""Characters of a new id: enough that no two are the same."""
_SIGNATURE = "__thought__"
"""Behind it litellm keeps in an id what Gemini wants to get back with the call."""


class Recall:
    """The kept answers of one configuration."""

    def __init__(self, settings: Recalling, ledger: Ledger) -> None:
        self._settings = settings
        self._ledger = ledger

    def key(
        self, deployment: Deployment, asked: Mapping[str, Json], context: RunContext, label: Label
    ) -> str:
        """Under what an answer is kept; empty where it may not be.

        Args:
            asked: Everything of the request that an answer depends on, `messages` among it.
        """
        if not self._settings.answers:
            return ""
        if label is Label.regulated and not self._settings.regulated:
            return ""
        params = {name: value for name, value in deployment.params.items() if name != "api_key"}
        if asked.get("temperature", params.get("temperature")) != 0:
            return ""
        try:
            messages = _numbered(asked["messages"])
            return digest([context.tenant, label.value, params, {**asked, "messages": messages}])
        except (TypeError, ValueError):
            return ""  # something is asked for that is no JSON

    async def find(self, key: str) -> Received | None:
        """The answer that is kept under a key, as it came but for the ids of its tool calls, which
        name calls of their own; None for none."""
        found = await self._ledger.answers.find(key, self._settings.seconds) if key else None
        return _unpacked(found) if found is not None else None

    async def keep(self, key: str, received: Received) -> None:
        """Keep an answer that passed all checks. One that holds a secret is not kept."""
        packed = _packed(received) if key else None
        if packed is not None and self._ledger.exchanges.may_be_kept(packed):
            await self._ledger.answers.keep(key, packed)


def _packed(received: Received) -> Json:
    raw, message = received.raw, received.message
    return {
        "text": raw.text,
        "calls": [[call.id, call.name, call.arguments] for call in raw.calls],
        "finish": raw.finish,
        "content": message.content,
        "kwargs": {
            name: value for name, value in message.additional_kwargs.items() if name != "tool_calls"
        },
    }


def _unpacked(kept: Mapping[str, Json]) -> Received:
    calls = tuple(
        RawCall(id=_another(id), name=name, arguments=said) for id, name, said in kept["calls"]
    )
    return Received(
        raw=Raw(choices=1, text=kept["text"], calls=calls, finish=kept["finish"]),
        message=AIMessage(content=kept["content"], additional_kwargs=kept["kwargs"]),
        usage=None,
    )


def _numbered(messages: Sequence[Mapping[str, Json]]) -> list[Json]:
    """The messages with numbers for the ids of tool calls, which are others each time."""
    numbers: dict[str, str] = {}

    def number(id: str) -> str:
        name, mark, kept = id.partition(_SIGNATURE)
        return numbers.setdefault(name, str(len(numbers))) + mark + kept

    def of(message: Mapping[str, Json]) -> Json:
        told = dict(message)
        if calls := told.get("tool_calls"):
            told["tool_calls"] = [{**call, "id": number(call["id"])} for call in calls]
        if id := told.get("tool_call_id"):
            told["tool_call_id"] = number(id)
        return told

    return [of(message) for message in messages]


def _another(id: str) -> str:
    """A new id of a tool call, as long as the old one: some vendors take one length alone."""
    name, mark, kept = id.partition(_SIGNATURE)
    return uuid4().hex[: max(len(name), _SHORTEST)] + mark + kept
