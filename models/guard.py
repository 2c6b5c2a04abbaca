"""The last look at a call before it leaves: the real model, the real address, the run's label.

litellm asks every callback once it has chosen a deployment; raising here ends the call before any
connection. What leaves after that is held to the cleared addresses by `models/wall.py`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from litellm.integrations.custom_logger import CustomLogger
from litellm.types.utils import CallTypes

from models import wall
from models.addresses import Addresses, cleared, written
from models.boundary import LabelRose
from models.deployment import Deployment
from runtime.canonical import Json
from runtime.errors import BoundaryBreach
from runtime.labels import Label, highest

KEY = "switchyard_call"
"""Under which the metadata of a call names it."""


@dataclass(slots=True, kw_only=True)
class Expected:
    """A call that is under way."""

    deployment: Deployment
    address: str | None
    """The address in the configuration, resolved; None for the vendor's own."""
    label: Label
    """The run's, when the deployment was chosen."""
    run: str


class Guard(CustomLogger):
    """Lets a call pass only to the deployment that was chosen for it, if that is cleared."""

    # litellm shows every call of the process to every callback, so all guards know all calls.
    _expected: ClassVar[dict[str, tuple[Guard, Expected]]] = {}

    def __init__(self, label: Callable[[str], Awaitable[Label]]) -> None:
        """
        Args:
            label: The present label of a run.
        """
        super().__init__()
        self._label = label
        self._places: dict[str, tuple[str | None, Addresses]] = {}

    @contextmanager
    def watching(
        self, id: str, deployment: Deployment, *, run: str, label: Label
    ) -> Iterator[Expected]:
        """Inside of it one call may pass, to this deployment and its addresses alone.

        Raises:
            BoundaryBreach: something tried to send it to another address; nothing was sent there.
        """
        if deployment.id not in self._places:
            self._places[deployment.id] = written(deployment), cleared(deployment)
        address, addresses = self._places[deployment.id]
        expected = Expected(deployment=deployment, address=address, label=label, run=run)
        self._expected[id] = self, expected
        try:
            with wall.within(addresses) as bound:
                try:
                    yield expected
                except Exception as error:
                    if not bound.stopped:
                        raise
                    # The vendors' clients make a failed connection of it.
                    raise _astray(expected, bound.stopped, sent=bound.sent) from error
        finally:
            self._expected.pop(id, None)

    async def admit(self, call: Mapping[str, Json]) -> None:
        """The look at a call of a chat's, which may not pass unless it is expected here.

        Raises:
            LabelRose: since the choice the run's label rose above what the deployment may see.
            BoundaryBreach: nobody chose a deployment for it, or it leads elsewhere.
        """
        guard, _ = self._expected.get(_id(call) or "", (None, None))
        if guard is not self:
            raise _unknown(_where(call))
        await self.async_pre_call_deployment_hook(dict(call), None)

    async def async_pre_call_deployment_hook(
        self,
        kwargs: dict[str, Any],
        call_type: CallTypes | None,  # noqa: ARG002 - inherited
    ) -> None:
        """
        Raises:
            LabelRose: since the choice the run's label rose above what the deployment may see.
            BoundaryBreach: the call is not one of ours, or leads elsewhere than it should.
        """
        id = _id(kwargs)
        if id is None:
            return
        model, address, where = kwargs.get("model"), _address(kwargs), _where(kwargs)
        guard, expected = self._expected.get(id, (None, None))
        if guard is None or expected is None:
            raise _unknown(where)
        if guard is not self:
            return  # the call's own guard looks at it
        deployment = expected.deployment
        if model != deployment.model or address != expected.address:
            raise _astray(expected, where)
        label = highest(await self._label(expected.run), expected.label)
        if not deployment.cleared_for.permits(label):
            breach = LabelRose if label.rank > expected.label.rank else BoundaryBreach
            raise breach(label.value, where, deployment.cleared_for.value)


def _unknown(where: str) -> BoundaryBreach:
    return BoundaryBreach(
        "unknown",
        where,
        "no call",
        remedy="Ask the chat by `ainvoke` or `astream`: those pass boundary and budget.",
    )


def _astray(expected: Expected, where: str, *, sent: bool = False) -> BoundaryBreach:
    id = expected.deployment.id
    return BoundaryBreach(
        expected.label.value,
        f"{where}, where a call of {id!r} was to go,",
        "nothing",
        remedy=f"Write `api_base` (or `addresses`) for {id!r} in models.yaml if it may go there;"
        " unset the environment variable that sends it there if it may not.",
        sent=sent,
    )


def _where(call: Mapping[str, Json]) -> str:
    return f"{call.get('model')} at {_address(call) or 'its vendor'}"


def _address(call: Mapping[str, Json]) -> Json:
    return call.get("api_base") or call.get("base_url")


def _id(kwargs: Mapping[str, Json]) -> str | None:
    metadata = kwargs.get("metadata")
    found = metadata.get(KEY) if isinstance(metadata, Mapping) else None
    return found if isinstance(found, str) else None
