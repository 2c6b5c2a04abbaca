"""litellm, set up once: silent, offline provider registered, no retries or cooldowns of its own.

Importing this module takes seconds; only code that is about to call a model may do it.
"""

from __future__ import annotations

import gc
import logging
import resource
import sys
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NoReturn

import litellm
from litellm.llms.custom_httpx import http_handler
from litellm.llms.custom_httpx.async_client_cleanup import close_litellm_async_clients
from litellm.llms.custom_httpx.http_handler import AsyncHTTPHandler
from litellm.llms.openai import openai as their_openai
from litellm.router import Router
from litellm.types.utils import (
    Choices,
    Delta,
    Message,
    ModelResponse,
    ModelResponseStream,
    StreamingChoices,
)
from litellm.utils import custom_llm_setup

from models import wall
from models.deployment import Deployment
from models.guard import Guard
from models.offline.provider import NAME, Offline
from models.transport import set_up as look_at_answers
from runtime.canonical import Json

Theirs = Any
"""An object of litellm's, whose types are too loose to be of use."""
_CONNECTIONS = 10_000
_OPEN_FILES = 65_536
_attached: list[Guard] = []
"""Those of the sessions that are open."""


def _set_up() -> None:
    litellm.telemetry = False
    litellm.suppress_debug_info = True
    # A tier's models differ in what they take; a parameter that one of them lacks is left out.
    litellm.drop_params = True
    # What fails is told by us, once, in words; litellm's own logs would repeat prompts.
    for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    if not any(item["provider"] == NAME for item in litellm.custom_provider_map):
        litellm.custom_provider_map.append({"provider": NAME, "custom_handler": Offline()})
    custom_llm_setup()  # type: ignore[no-untyped-call]
    # Ours tells a model that repeats itself from a stream that broke.
    litellm.REPEATED_STREAMING_CHUNK_LIMIT = sys.maxsize  # type: ignore[attr-defined]
    look_at_answers()
    wall.set_up()
    AsyncHTTPHandler.should_use_aiohttp_transport = staticmethod(_always)  # type: ignore[method-assign]
    AsyncHTTPHandler.single_connection_post_request = _no_second_request  # type: ignore[method-assign]
    # What an embedding's client takes for "no retries given"; it does so for 0 as well.
    litellm.DEFAULT_MAX_RETRIES = 0  # type: ignore[attr-defined]
    their_openai.drop_params_from_unprocessable_entity_error = _no_other_request  # type: ignore[attr-defined, assignment]
    _build_types()
    _allow_connections()
    # What was loaded until now stays. To look it over takes half a second, in which nobody is
    # answered, and under load it is looked over every few seconds.
    gc.collect()
    gc.freeze()


def _always() -> bool:
    """litellm sends through aiohttp unless the environment says otherwise. Connections, proxies and
    faults are what they are here with it alone."""
    return True


async def _no_second_request(*_: object, **__: object) -> NoReturn:
    """litellm sends a request again by itself when a connection breaks. Whether a call is repeated,
    and paid for twice, is decided in one place, which is not there."""
    error = sys.exception()
    assert error is not None, "litellm asks for this while it handles the first error"
    raise error


def _no_other_request(error: Exception, data: object) -> NoReturn:  # noqa: ARG001 - theirs
    """After a 422 litellm leaves out what the vendor did not take, or nothing, and sends again."""
    raise error


def _build_types() -> None:
    """Build litellm's answer types now. They are built on first use otherwise, in the event loop,
    and pydantic warns about one of them each time."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        delta = Delta(content="", tool_calls=[])
        ModelResponseStream(choices=[StreamingChoices(delta=delta)])
        ModelResponse(choices=[Choices(message=Message(content=""))])


def _allow_connections() -> None:
    """A call holds one for as long as the model thinks. How many there are is for budgets and
    widths to say; litellm would have all above 500 wait. Each is an open file, of which a process
    may have 1,024 by default."""
    http_handler.AIOHTTP_CONNECTOR_LIMIT = _CONNECTIONS  # type: ignore[attr-defined]
    http_handler.AIOHTTP_CONNECTOR_LIMIT_PER_HOST = _CONNECTIONS  # type: ignore[attr-defined]
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if most == resource.RLIM_INFINITY else min(_OPEN_FILES, most)
    if now != resource.RLIM_INFINITY and now < wanted:
        # Not every system takes the number that it names as its highest.
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


_set_up()


def build_router(deployments: Sequence[Deployment]) -> Router:
    """One Router in which every deployment is a group of its own, so that we choose, not it."""
    return Router(
        model_list=[
            {
                "model_name": deployment.group,
                "litellm_params": dict(deployment.params),
                # With our prices: litellm searches its whole price list, call by call, for the
                # reason why a model without one costs nothing.
                "model_info": {
                    "id": deployment.id,
                    "input_cost_per_token": deployment.input_cost_per_token,
                    "output_cost_per_token": deployment.output_cost_per_token,
                },
            }
            for deployment in deployments
        ],
        num_retries=0,
        max_fallbacks=0,
        # A cooldown of a lone deployment would refuse calls without trying.
        disable_cooldowns=True,
    )


# Without a `repr`: traces show that of a chat, and keys stand in here.
@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Groups:
    """What LangChain's chat model reads in a Router; nothing can be sent through it."""

    model_list: list[dict[str, Json]]
    default_litellm_params: dict[str, Json]


def groups(router: Router) -> Groups:
    """The deployments of a Router, without the Router."""
    return Groups(
        model_list=router.model_list, default_litellm_params=router.default_litellm_params
    )


def entries(router: Router) -> dict[str, dict[str, Json]]:
    """The `litellm_params` of every deployment by its group, taken from the environment where they
    say so."""
    return {entry["model_name"]: entry["litellm_params"] for entry in router.model_list}


def attach(guard: Guard) -> None:
    """Let the guard see every call of this process."""
    _attached.append(guard)
    litellm.callbacks.append(guard)


def detach(guard: Guard) -> bool:
    """Ask the guard about nothing more. True when it was the last one of this process."""
    # litellm puts what stands in the first list into all others by itself.
    _attached.remove(guard)
    for listed in (
        litellm.callbacks,
        litellm.input_callback,
        litellm.service_callback,
        litellm.success_callback,
        litellm.failure_callback,
        litellm._async_input_callback,
        litellm._async_success_callback,
        litellm._async_failure_callback,
    ):
        listed[:] = [one for one in listed if one is not guard]
    return not _attached


async def close_connections() -> None:
    """Close what litellm keeps open for the next call. All sessions of a process share it."""
    await close_litellm_async_clients()  # type: ignore[no-untyped-call]
    # litellm keeps the closed clients, and would hand them to the next session of this process.
    litellm.in_memory_llm_clients_cache.flush_cache()  # type: ignore[no-untyped-call]
