"""The chat model of a tier: litellm does the talking, this class keeps the guarantees.

A thin subclass of `ChatLiteLLMRouter`. Nothing outside this room may depend on that class.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import NoReturn
from uuid import uuid4

from langchain_core.caches import BaseCache
from langchain_core.callbacks import (
    AsyncCallbackManagerForLLMRun,
    CallbackManagerForLLMRun,
)
from langchain_core.language_models.base import LangSmithParams
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_litellm import ChatLiteLLMRouter
from pydantic import Field

from models import answers, caching, direct, trace
from models.deployment import Deployment, Tier
from models.door import Door
from models.exchange import Exchange
from models.guard import Guard
from models.library import Theirs
from models.recall import Recall
from runtime.canonical import Json
from runtime.context import RunContext
from runtime.errors import AsyncOnly


class TierChat(ChatLiteLLMRouter):
    """Answers from the first cleared deployment that can, checked and paid for.

    Raises, from every way of calling it:
        BoundaryBreach: no deployment is cleared for the run's data; nothing was sent.
        BudgetExceeded: the worst case does not fit under the run's ceiling; nothing was sent.
        ModelUnavailable: no cleared deployment answered.
        ModelFault: the answer was unusable, also when asked again.
        AsyncOnly: it was called synchronously; nothing was sent.
    """

    door: Door = Field(repr=False)
    guard: Guard = Field(repr=False)
    recall: Recall = Field(repr=False)
    tier: Tier
    context: RunContext = Field(repr=False)
    avoid: frozenset[str] = frozenset()
    entries: Mapping[str, Mapping[str, Json]] = Field(repr=False)
    """The parameters of every deployment by its group."""
    marking: frozenset[str] = Field(default=frozenset(), repr=False)
    """Groups whose vendor is told which part of a prompt to keep."""
    face: Deployment = Field(repr=False)
    """The deployment that is tried first, which traces name until the answer is there."""
    # An answer from LangChain's cache would pass by the door, whosever question it was.
    cache: BaseCache | bool | None = Field(default=False, exclude=True)

    def _should_stream(
        self,
        *,
        async_api: bool,
        run_manager: CallbackManagerForLLMRun | AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Json,
    ) -> bool:
        # An invoke that is listened to streams within `_agenerate`, where a broken stream can
        # still be replaced by another deployment's; a stream that was asked for cannot.
        if run_manager is not None:
            return False
        return super()._should_stream(async_api=async_api, run_manager=run_manager, **kwargs)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        stream: bool | None = None,
        **kwargs: Json,
    ) -> ChatResult:
        heard = stream is not False and run_manager is not None and self._heard(run_manager, kwargs)

        async def tell(chunk: ChatGenerationChunk) -> None:
            assert run_manager is not None, "only told when somebody listens"
            await run_manager.on_llm_new_token(chunk.text, chunk=chunk)

        exchange = Exchange(
            self,
            stop,
            kwargs,
            emit=tell if heard else None,
            name=f"lc_run--{run_manager.run_id}" if run_manager else f"lc_run--{uuid4()}",
            for_good=False,
        )
        message = await exchange.run(messages)
        if run_manager:
            trace.note(run_manager, message)
        reason = {"finish_reason": message.response_metadata["finish_reason"]}
        return ChatResult(generations=[ChatGeneration(message=message, generation_info=reason)])

    def _heard(
        self, run_manager: AsyncCallbackManagerForLLMRun, kwargs: Mapping[str, Json]
    ) -> bool:
        return super()._should_stream(async_api=True, run_manager=run_manager, **kwargs)

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002 - inherited
        **kwargs: Json,
    ) -> AsyncIterator[ChatGenerationChunk]:
        chunks: asyncio.Queue[ChatGenerationChunk | None] = asyncio.Queue()
        exchange = Exchange(self, stop, kwargs, emit=chunks.put, name=None, for_good=True)
        # A generator may not hold a task group across a yield, so the one task is ended by hand.
        task = asyncio.create_task(exchange.run(messages))
        task.add_done_callback(lambda _: chunks.put_nowait(None))
        try:
            while (chunk := await chunks.get()) is not None:
                yield chunk
            await task
        finally:
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled():
                task.exception()  # Seen, even where nobody waited for it any more.

    def _generate(self, *_: Json, **__: Json) -> NoReturn:
        raise AsyncOnly("`invoke`, as `batch` and `generate`,")

    def _stream(self, *_: Json, **__: Json) -> NoReturn:
        raise AsyncOnly("`stream`")

    def completion_with_retry(self, *_: Json, **__: Json) -> NoReturn:
        raise AsyncOnly("`completion_with_retry`")

    async def acompletion_with_retry(
        self,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002 - inherited
        **kwargs: Json,
    ) -> Theirs:
        """One attempt, without the base class's retries; a stream is watched to its end.

        Raises:
            BoundaryBreach: it is no attempt of an `Exchange`; nothing was sent.
        """
        group = kwargs.pop("model")
        if group in self.marking:
            kwargs |= caching.marked(kwargs["messages"], kwargs.get("tools") or ())
        response = await direct.ask(self.entries[group], self.guard, **kwargs)
        return answers.watched(response) if kwargs.get("stream") else response

    async def received(
        self, messages: list[BaseMessage], stop: list[str] | None, params: dict[str, Json]
    ) -> ChatResult:
        """The base class's whole answer from one deployment."""
        return await super()._agenerate(messages, stop, None, stream=False, **params)

    def pieces(
        self, messages: list[BaseMessage], stop: list[str] | None, params: dict[str, Json]
    ) -> AsyncIterator[ChatGenerationChunk]:
        """The base class's stream from one deployment."""
        return super()._astream(messages, stop, None, **params)

    def sent(self, messages: list[BaseMessage]) -> list[dict[str, Json]]:
        """The messages as they go onto the wire."""
        return self._create_message_dicts(messages, None)[0]

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Json) -> LangSmithParams:
        params = super()._get_ls_params(stop=stop, **kwargs)
        params["ls_provider"] = self.face.provider
        params["ls_model_name"] = self.face.model
        return params

    @property
    def _identifying_params(self) -> dict[str, Json]:
        return {"tier": self.tier, "model": self.face.model}
