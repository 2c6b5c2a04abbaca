"""One question and its checked answer, whichever deployments and attempts it takes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from typing import Protocol

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult

from models import answers, checks, dialect, faults, trace, transport, window
from models.checks import Demand
from models.deployment import Deployment, Tier
from models.door import Bill, Call, Door
from models.guard import KEY, Guard
from models.loops import Ear
from models.recall import Recall
from models.usage import Usage
from runtime.canonical import Json
from runtime.context import RunContext
from runtime.errors import ModelFault, SwitchyardError

Emit = Callable[[ChatGenerationChunk], Awaitable[None]]
_REASK = "Your last answer could not be used: {fault}. Answer again, complete and well-formed."


class Talker(Protocol):
    """What speaks to one deployment, once."""

    door: Door
    guard: Guard
    recall: Recall
    tier: Tier
    context: RunContext
    avoid: frozenset[str]

    def sent(self, messages: list[BaseMessage]) -> list[dict[str, Json]]:
        """The messages as they go onto the wire."""

    async def received(
        self, messages: list[BaseMessage], stop: list[str] | None, params: dict[str, Json]
    ) -> ChatResult:
        """A whole answer."""

    def pieces(
        self, messages: list[BaseMessage], stop: list[str] | None, params: dict[str, Json]
    ) -> AsyncIterator[ChatGenerationChunk]:
        """An answer as a stream."""


class Exchange:
    """One question and its checked answer, whichever deployments it takes."""

    def __init__(
        self,
        talker: Talker,
        stop: list[str] | None,
        params: Mapping[str, Json],
        *,
        emit: Emit | None,
        name: str | None,
        for_good: bool,
    ) -> None:
        self._talker = talker
        self._stop = stop
        self._params = {key: value for key, value in params.items() if key != "stream"}
        self._emit = emit
        self._name = name
        self._for_good = for_good
        self._spoken = False
        self._attempts = 0
        self._until = talker.door.retry.deadline()

    async def run(self, messages: list[BaseMessage]) -> AIMessage:
        """The answer. An unusable one is asked for once more, with the fault in words."""
        talker = self._talker
        call = await talker.door.begin(talker.tier, talker.context, talker.avoid)
        try:
            return await self._from_any(call, messages)
        except ModelFault as fault:
            if fault.fault in checks.FINAL or self._committed():
                raise
            again = HumanMessage(_REASK.format(fault=fault.message))
        return await self._from_any(call, [*messages, again])

    def _committed(self) -> bool:
        """A part of the answer has left and cannot be taken back."""
        return self._spoken and self._for_good

    async def _from_any(self, call: Call, messages: list[BaseMessage]) -> AIMessage:
        async def within(call: Call) -> AIMessage:
            async def attempt(deployment: Deployment) -> AIMessage:
                return await self._from_one(call, deployment, messages)

            return await self._talker.door.retry.first_good(
                call.tier,
                call.deployments,
                attempt,
                down=call.down,
                until=self._until,
                spoken=self._committed,
            )

        return await self._talker.door.bounded(call, within)

    async def _from_one(
        self, call: Call, deployment: Deployment, messages: list[BaseMessage]
    ) -> AIMessage:
        demand = answers.demand(self._params, deployment)
        sent = self._talker.sent(messages)
        asked = {**answers.asked(self._params), "max_tokens": demand.max_tokens}
        prompt = answers.most(sent, self._params, deployment)
        window.check(deployment, prompt, sent, asked.get("tools"))
        request = {"deployment": deployment.id, "model": deployment.model, "messages": sent}
        self._attempts += 1
        self._spoken = False
        key = self._talker.recall.key(
            deployment,
            {**self._params, "messages": sent, "stop": self._stop, **asked},
            call.context,
            call.label,
        )
        if kept := await self._talker.recall.find(key):
            return await self._recalled(call, deployment, demand, {**request, **asked}, kept)
        async with self._talker.door.paid(
            call,
            deployment,
            prompt=prompt,
            completion=demand.max_tokens,
            request={**request, "stop": self._stop, **asked},
        ) as bill:
            message, received = await self._answered(call, bill, demand, messages)
        await self._talker.recall.keep(key, received)
        return message

    async def _recalled(
        self,
        call: Call,
        deployment: Deployment,
        demand: Demand,
        request: Json,
        kept: answers.Received,
    ) -> AIMessage:
        """An answer that was given before, as it came then; told in one piece."""
        calls = checks.tool_calls(kept.raw, demand, deployment.model)
        said = answers.recorded(kept.raw, kept.message)
        bill = await self._talker.door.recalled(call, deployment, request=request, answer=said)
        message = answers.message(kept, calls, call, bill)
        if self._emit:
            message.id = self._id()
            if kept.raw.text:
                piece = AIMessageChunk(content=kept.message.content, id=message.id)
                await self._emit(ChatGenerationChunk(message=piece))
            await self._emit(answers.last_chunk(message, kept.raw))
        return message

    async def _answered(
        self, call: Call, bill: Bill, demand: Demand, messages: list[BaseMessage]
    ) -> tuple[AIMessage, answers.Received]:
        watching = self._talker.guard.watching(
            bill.id, bill.deployment, run=call.context.run, label=call.label
        )
        try:
            with watching:
                received = await self._talk(call, bill, demand, messages)
        except SwitchyardError:
            raise
        except Exception as error:  # This room's edge to litellm.
            raise faults.classify(error, streaming=self._spoken) from error
        if self._talker.door.mask is not None:
            received = answers.discreet(received, self._talker.door.mask)
        raw = received.raw
        bill.usage = received.usage
        bill.answer = answers.recorded(raw, received.message)
        calls = checks.tool_calls(raw, demand, bill.deployment.model)
        message = answers.message(received, calls, call, bill)
        if self._emit:
            message.id = self._id()
            await self._emit(answers.last_chunk(message, received.raw))
        return message, received

    async def _talk(
        self, call: Call, bill: Bill, demand: Demand, messages: list[BaseMessage]
    ) -> answers.Received:
        deployment = bill.deployment
        seconds = min(deployment.timeout, self._talker.door.retry.remaining(self._until))
        params = {
            **dialect.told(self._params, deployment),
            "model": deployment.group,
            "max_tokens": demand.max_tokens,
            "timeout": seconds,
            "metadata": {**trace.labels(call.context, call.tier), KEY: bill.id},
        }
        with transport.looking(demand.max_tokens) as look:
            async with asyncio.timeout(seconds):
                if self._emit is None:
                    said = answers.whole(await self._talker.received(messages, self._stop, params))
                else:
                    pieces = self._talker.pieces(messages, self._stop, params)
                    said = answers.joined(await self._listened(bill, pieces))
        return answers.seen(said, look)

    async def _listened(
        self, bill: Bill, pieces: AsyncIterator[ChatGenerationChunk]
    ) -> list[ChatGenerationChunk]:
        try:
            return [piece async for piece in self._heard(bill, pieces)]
        finally:
            # Given up in the middle, it would hold its connection until it is collected.
            if isinstance(pieces, AsyncGenerator):
                await pieces.aclose()

    async def _heard(
        self, bill: Bill, pieces: AsyncIterator[ChatGenerationChunk]
    ) -> AsyncIterator[ChatGenerationChunk]:
        """Pass the stream on as it comes, but only its text: calls wait for a good end.

        Raises:
            ModelFault: it says the same again and again; the rest of it is not waited for.
        """
        assert self._emit is not None, "only when somebody listens"
        ear = Ear()
        async for piece in pieces:
            if piece.text:
                if unit := ear.hears(piece.text):
                    # What it would have counted is not known, since it was cut off.
                    bill.usage = Usage(
                        prompt=bill.prompt, completion=bill.completion, reported=False
                    )
                    raise ModelFault(*checks.looped(unit), model=bill.deployment.model)
                self._spoken = True
                said = AIMessageChunk(content=piece.message.content, id=self._id())
                await self._emit(ChatGenerationChunk(message=said))
            yield piece

    def _id(self) -> str | None:
        """A second attempt speaks under a name of its own: listeners must not join the two."""
        if self._name is None or self._attempts == 1:
            return self._name
        return f"{self._name}-{self._attempts}"
