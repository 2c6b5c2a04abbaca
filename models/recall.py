"""Gives the answer to an identical question again instead of asking: an operator's choice.

Only where nothing is left to chance (temperature 0), within one tenant and one data label, and
from the deployment's own model: a hit tells nobody anything that they could not have asked.
"""

from __future__ import annotations

from collections.abc import Mapping

from langchain_core.messages import AIMessage

from ledger.store import Ledger
from models.answers import Received
from models.checks import Raw, RawCall
from models.deployment import Deployment
from models.recalling import Recalling
from runtime.canonical import Json, digest
from runtime.context import RunContext
from runtime.labels import Label


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
            asked: Everything of the request that an answer depends on.
        """
        if not self._settings.answers:
            return ""
        if label is Label.regulated and not self._settings.regulated:
            return ""
        params = {name: value for name, value in deployment.params.items() if name != "api_key"}
        if asked.get("temperature", params.get("temperature")) != 0:
            return ""
        try:
            return digest([context.tenant, label.value, params, dict(asked)])
        except (TypeError, ValueError):
            return ""  # something is asked for that is no JSON

    async def find(self, key: str) -> Received | None:
        """The answer that is kept under a key, as it came; None for none."""
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
    calls = tuple(RawCall(id=id, name=name, arguments=said) for id, name, said in kept["calls"])
    return Received(
        raw=Raw(choices=1, text=kept["text"], calls=calls, finish=kept["finish"]),
        message=AIMessage(content=kept["content"], additional_kwargs=kept["kwargs"]),
        usage=None,
    )
