"""litellm, set up once: silent, offline provider registered, no retries or cooldowns of its own.

Importing this module takes seconds; only code that is about to call a model may do it.
"""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any, NoReturn

import litellm
from litellm.llms.custom_httpx.async_client_cleanup import close_litellm_async_clients
from litellm.llms.custom_httpx.http_handler import AsyncHTTPHandler
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

from models.deployment import Deployment
from models.guard import Guard
from models.offline.provider import NAME, Offline

_ENVIRONMENT = "os.environ/"
Theirs = Any
"""An object of litellm's, whose types are too loose to be of use."""


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
    AsyncHTTPHandler.single_connection_post_request = _no_second_request  # type: ignore[method-assign]
    _build_types()


async def _no_second_request(*_: object, **__: object) -> NoReturn:
    """litellm sends a request again by itself when a connection breaks. Whether a call is repeated,
    and paid for twice, is decided in one place, which is not there."""
    error = sys.exception()
    assert error is not None, "litellm asks for this while it handles the first error"
    raise error


def _build_types() -> None:
    """Build litellm's answer types now. They are built on first use otherwise, in the event loop,
    and pydantic warns about one of them each time."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        delta = Delta(content="", tool_calls=[])
        ModelResponseStream(choices=[StreamingChoices(delta=delta)])
        ModelResponse(choices=[Choices(message=Message(content=""))])


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


def address(deployment: Deployment) -> str | None:
    """The address in the configuration, taken from the environment where it says so."""
    written = deployment.params.get("api_base") or deployment.params.get("base_url")
    if isinstance(written, str) and written.startswith(_ENVIRONMENT):
        return os.environ.get(written.removeprefix(_ENVIRONMENT))
    return written if isinstance(written, str) else None


def attach(guard: Guard) -> None:
    """Let the guard see every call of this process."""
    litellm.callbacks.append(guard)


def detach(guard: Guard) -> None:
    litellm.callbacks[:] = [one for one in litellm.callbacks if one is not guard]


async def close_connections() -> None:
    """Close what litellm keeps open for the next call."""
    await close_litellm_async_clients()  # type: ignore[no-untyped-call]
    # litellm keeps the closed clients, and would hand them to the next session of this process.
    litellm.in_memory_llm_clients_cache.flush_cache()  # type: ignore[no-untyped-call]
