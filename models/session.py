"""The part of the door that needs litellm: one Router, one guard, chats and embeddings on them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from models import caching, direct, faults, library, trace, transport
from models.chat import TierChat
from models.config import ModelsConfig
from models.deployment import Deployment, Tier
from models.door import Bill, Call, Door
from models.guard import KEY, Guard
from models.recall import Recall
from models.usage import Usage, estimate_prompt
from runtime.context import RunContext
from runtime.errors import ModelFault, SwitchyardError


class Session:
    """Holds the Router of one configuration until it is closed."""

    def __init__(self, config: ModelsConfig, door: Door) -> None:
        self._config = config
        self._door = door
        self._router = library.build_router(config.deployments)
        self._groups = library.groups(self._router)
        self._entries = library.entries(self._router)
        chats = (one.group for one in config.deployments if one.tier != "embed")
        direct.rehearse(self._entries[group] for group in chats)
        self._marking = frozenset(
            one.group for one in config.deployments if caching.wants_markers(one)
        )
        self._recall = Recall(config.cache, door.ledger)
        self._guard = Guard(door.label)
        library.attach(self._guard)

    async def close(self) -> None:
        last = library.detach(self._guard)
        # litellm would ask it about every later call of this process.
        self._router.discard()  # type: ignore[no-untyped-call]
        if last:
            await library.close_connections()

    def chat(self, tier: Tier, context: RunContext, avoid: frozenset[str]) -> TierChat:
        face = self._config.tier(tier)[0]
        return TierChat(
            router=self._groups,
            entries=self._entries,
            marking=self._marking,
            recall=self._recall,
            model=face.group,
            door=self._door,
            guard=self._guard,
            tier=tier,
            context=context,
            avoid=avoid,
            face=face,
            tags=trace.tags(context, tier),
            metadata=trace.labels(context, tier),
        )

    async def embed(self, texts: Sequence[str], context: RunContext) -> list[list[float]]:
        call = await self._door.begin("embed", context, frozenset())
        until = self._door.retry.deadline()

        async def within(call: Call) -> list[list[float]]:
            async def attempt(deployment: Deployment) -> list[list[float]]:
                async with self._door.paid(
                    call,
                    deployment,
                    prompt=estimate_prompt(list(texts), None),
                    completion=0,
                    request={"deployment": deployment.id, "input": list(texts)},
                ) as bill:
                    return await self._vectors(call, bill, texts, until)

            return await self._door.retry.first_good(
                "embed", call.deployments, attempt, down=call.down, until=until
            )

        return await self._door.bounded(call, within)

    async def _vectors(
        self, call: Call, bill: Bill, texts: Sequence[str], until: float
    ) -> list[list[float]]:
        deployment = bill.deployment
        seconds = min(deployment.timeout, self._door.retry.remaining(until))
        watching = self._guard.watching(bill.id, deployment, run=call.context.run, label=call.label)
        try:
            with watching, transport.measuring(len(texts)):
                async with asyncio.timeout(seconds):
                    response = await self._router.aembedding(
                        model=deployment.group,
                        input=list(texts),
                        timeout=seconds,
                        metadata={**trace.labels(call.context, call.tier), KEY: bill.id},
                    )
        except SwitchyardError:
            raise
        except Exception as error:  # This room's edge to litellm.
            raise faults.classify(error, streaming=False) from error
        used = response.usage.prompt_tokens if response.usage else 0
        bill.usage = Usage(prompt=used) if used else None
        # The vectors are large and follow from the input; their number is enough for the record.
        bill.answer = {"vectors": len(response.data)}
        return _ordered(response.data, len(texts), deployment)


def _ordered(
    data: Sequence[library.Theirs], count: int, deployment: Deployment
) -> list[list[float]]:
    vectors = [list(entry["embedding"]) for entry in sorted(data, key=lambda one: one["index"])]
    if len(vectors) != count:
        told = f"{count} texts were sent, {len(vectors)} vectors came back"
        raise ModelFault("wrong_count", told, model=deployment.model)
    return vectors
