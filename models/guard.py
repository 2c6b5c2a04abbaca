"""The last look at a call before it leaves: the real model, the real address, the run's label.

litellm asks every callback once it has chosen a deployment; raising here ends the call before any
connection. It is also the only place that sees an answer's own finish reason: where the provider
gave none, litellm invents one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from litellm.integrations.custom_logger import CustomLogger
from litellm.types.utils import CallTypes, LLMResponseTypes

from models.deployment import Deployment
from runtime.canonical import Json
from runtime.errors import BoundaryBreach
from runtime.labels import Label

KEY = "switchyard_call"
"""Under which the metadata of a call names it."""
_FINISH = re.compile(
    r'"(?:finish_reason|stop_reason|stopReason|finishReason)"\s*:\s*(null|"[^"]*")'
)


@dataclass(slots=True, kw_only=True)
class Expected:
    """A call that is under way."""

    deployment: Deployment
    address: str | None
    """The address in the configuration, resolved; None for the vendor's own."""
    label: Label
    unfinished: bool = False
    """The provider gave no reason for the end of its answer."""


class Guard(CustomLogger):
    """Lets a call pass only to the deployment that was chosen for it, if that is cleared."""

    # litellm shows every call of the process to every callback, so all guards know all calls.
    _expected: ClassVar[dict[str, Expected]] = {}

    def expect(self, id: str, expected: Expected) -> None:
        self._expected[id] = expected

    def forget(self, id: str) -> None:
        self._expected.pop(id, None)

    async def async_pre_call_deployment_hook(
        self,
        kwargs: dict[str, Any],
        call_type: CallTypes | None,  # noqa: ARG002 - inherited
    ) -> None:
        """
        Raises:
            BoundaryBreach: the call is not one of ours, or leads elsewhere than it should.
        """
        id = _id(kwargs)
        if id is None:
            return
        expected = self._expected.get(id)
        model = str(kwargs.get("model"))
        address = kwargs.get("api_base") or kwargs.get("base_url")
        if expected is None:
            raise BoundaryBreach("unknown", f"{model} at {address or 'its vendor'}", "no call")
        cleared = expected.deployment.cleared_for
        leads_there = model == expected.deployment.model and address == expected.address
        if not leads_there or not cleared.permits(expected.label):
            where = f"{model} at {address or 'its vendor'}"
            raise BoundaryBreach(expected.label.value, where, cleared.value)

    async def async_post_call_success_deployment_hook(
        self,
        request_data: dict[str, Any],
        response: LLMResponseTypes,  # noqa: ARG002 - inherited
        call_type: CallTypes | None,  # noqa: ARG002 - inherited
    ) -> None:
        """Note whether the provider itself said why its answer ended."""
        expected = self._expected.get(_id(request_data) or "")
        logging = request_data.get("litellm_logging_obj")
        if expected is None or logging is None:
            return
        raw = logging.model_call_details.get("original_response")
        reasons = _FINISH.findall(raw) if isinstance(raw, str) else []
        expected.unfinished = bool(reasons) and all(reason == "null" for reason in reasons)


def _id(kwargs: Mapping[str, Json]) -> str | None:
    metadata = kwargs.get("metadata")
    found = metadata.get(KEY) if isinstance(metadata, Mapping) else None
    return found if isinstance(found, str) else None
