"""litellm's shortest way to one deployment: its knowledge of the vendors, and nothing around it.

We choose, retry, price and record ourselves. What litellm does of that, in its Router and around
its `completion`, takes twice the time of the call itself; `bench/models.py` shows what is saved.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial

import litellm
from litellm.exceptions import LITELLM_EXCEPTION_TYPES
from litellm.litellm_core_utils.exception_mapping_utils import exception_type
from litellm.litellm_core_utils.litellm_logging import Logging
from litellm.litellm_core_utils.prompt_templates.factory import (
    THOUGHT_SIGNATURE_SEPARATOR as _THOUGHT,
)
from litellm.llms.openai.chat.gpt_transformation import OpenAIChatCompletionStreamingHandler
from litellm.types.utils import CallTypes, GenericStreamingChunk
from litellm.utils import _remove_thought_signatures_from_messages

from models.guard import Guard
from models.library import Theirs
from models.offline.provider import NAME as OFFLINE
from runtime.canonical import Json

_complete = inspect.unwrap(litellm.completion)
_CALL = CallTypes.acompletion
# Of others litellm may read a file or ask for a token before it sends: in a thread, then.
_AT_ONCE = frozenset({OFFLINE, "anthropic", "gemini", "hosted_vllm", "openai"})
# litellm keeps a thought of Gemini's in the id of the call that it led to; others refuse such ids.
_THINKS_IN_IDS = frozenset({"gemini", "vertex_ai", "vertex_ai_beta"})
# OpenAI's format by litellm's own HTTP handler, as the others, and not by the vendor's client,
# which takes as long again.
os.environ["EXPERIMENTAL_OPENAI_BASE_LLM_HTTP_HANDLER"] = "True"


def _event(parser: OpenAIChatCompletionStreamingHandler, str_line: str) -> Theirs:
    """One line of a stream. litellm passes over one that is no JSON, which leaves a hole in the
    answer, and takes the last one for a good end of it.

    Raises:
        ValueError: it is broken.
    """
    name, _, said = str_line.partition(":")
    if name != "data" or said.strip() in ("", "[DONE]"):
        return _NOTHING
    return parser.chunk_parser(json.loads(said))


_NOTHING = GenericStreamingChunk(
    text="", is_finished=False, finish_reason="", usage=None, index=0, tool_use=None
)
OpenAIChatCompletionStreamingHandler._handle_string_chunk = _event  # type: ignore[method-assign, assignment]


class Notes(Logging):
    """What litellm writes down of a call. The ledger has all of it, so nothing is done with it."""

    def __init__(self, call: Mapping[str, Theirs]) -> None:
        # All else stands in the class, see below: to make one costs as much as to send a request.
        self.model, self.messages = call["model"], call["messages"]
        self.stream, self.stream_options = bool(call.get("stream")), call.get("stream_options")
        self.streaming_chunks, self.sync_streaming_chunks = [], []
        self.model_call_details = {"messages": self.messages, "stream": self.stream}

    def update_environment_variables(
        self,
        litellm_params: dict[str, Json],
        optional_params: dict[str, Json],
        model: str | None = None,
        user: str | None = None,
        **additional_params: Json,
    ) -> None:
        """The parameters of the call, as they are: litellm's providers read them here."""
        self.litellm_params, self.optional_params, self.user = litellm_params, optional_params, user
        self.model = model or self.model
        self.model_call_details |= {
            **optional_params,
            **additional_params,
            "model": self.model,
            "optional_params": optional_params,
            "litellm_params": litellm_params,
        }

    def pre_call(self, *_: object, **__: object) -> None: ...

    def post_call(self, original_response: Theirs, *_: object, **__: object) -> None:
        """The answer as it came: litellm's way to the Responses API may look for its parts here."""
        self.model_call_details["original_response"] = original_response

    def response_cost_calculator(self, *_: object, **__: object) -> float | None:
        return None

    def success_handler(self, *_: object, **__: object) -> None: ...

    def failure_handler(self, *_: object, **__: object) -> None: ...

    async def async_success_handler(self, *_: object, **__: object) -> None: ...

    async def async_failure_handler(self, *_: object, **__: object) -> None: ...

    async def dispatch_success_handlers(self, *_: object, **__: object) -> None: ...

    async def dispatch_failure_handlers(self, *_: object, **__: object) -> None: ...


for _name, _value in vars(
    Logging(
        model="",
        messages=None,
        stream=False,
        call_type=_CALL.value,
        start_time=datetime.now(tz=UTC),
        litellm_call_id="",
        function_id="",
        litellm_trace_id="none",
    )
).items():
    setattr(Notes, _name, _value)


def rehearse(deployments: Iterable[Mapping[str, Json]]) -> None:
    """Load what the first call of each of these would load in the event loop. Sends nothing, but
    takes a second; for a thread."""
    for params in deployments:
        call = _call(params, {"messages": [{"role": "user", "content": "?"}]})
        # What is wrong with it is told when it is called.
        with suppress(*LITELLM_EXCEPTION_TYPES):
            if _provider(call) in _AT_ONCE:
                _complete(**call, litellm_logging_obj=Notes(call)).close()


async def ask(params: Mapping[str, Json], guard: Guard, **asked: Json) -> Theirs:
    """One request to one deployment: litellm's answer, or its stream.

    Args:
        params: the deployment's `litellm_params`; what is asked goes before them.
        guard: lets it pass, or nothing does.

    Raises:
        BoundaryBreach: the guard did not let it pass; nothing was sent.
        Exception: litellm's own, for `faults.classify`.
    """
    call = _call(params, asked)
    if _provider(call) not in _THINKS_IN_IDS:
        call["messages"] = _remove_thought_signatures_from_messages(call["messages"], _THOUGHT)
    call["litellm_logging_obj"] = Notes(call)
    await guard.admit(call)
    return await _answer(call)


def _call(params: Mapping[str, Json], asked: Mapping[str, Json]) -> dict[str, Theirs]:
    # litellm's MCP client is imported for every call with tools, unless told not to. It needs
    # mcp 2, and our tools never go through it.
    ours = {"max_retries": 0, "acompletion": True, "_skip_mcp_handler": True}
    return {**params, **asked, **ours}


def _provider(call: Mapping[str, Theirs]) -> str:
    return str(call.get("custom_llm_provider") or call["model"].partition("/")[0])


async def _answer(call: dict[str, Theirs]) -> Theirs:
    prepare, provider = partial(_complete, **call), _provider(call)
    try:
        pending = prepare() if provider in _AT_ONCE else await asyncio.to_thread(prepare)
        return await pending if inspect.isawaitable(pending) else pending
    except Exception as error:
        # This library's own edge: it raises or returns the type that an error of a vendor has.
        typed = exception_type(  # type: ignore[no-untyped-call]
            model=call["model"], custom_llm_provider=provider, original_exception=error
        )
        if typed is error:
            raise
        raise typed from error
