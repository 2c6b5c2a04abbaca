"""What LangSmith may learn of a run: its shape and costs always, its content unless regulated.

Without LangSmith's own variables nothing here does anything, and nothing is sent.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from langchain_core.runnables import RunnableConfig
from langchain_core.tracers.base import BaseTracer
from langsmith import Client, configure
from langsmith.utils import tracing_is_enabled

from agents.routing.decision import Route
from runtime.canonical import Json
from runtime.labels import Label

_TOLD = frozenset({Label.public.value, Label.internal.value})
_SHAPE = ("metadata", "runtime")
"""What of a withheld run's `extra` is sent; the rest holds prompts' schemas and arguments."""
_CONTENT = frozenset({"inputs", "outputs", "error", "events", "attachments", "serialized"})


class DiscreetClient(Client):
    """Sends the content of a trace only if it begins with a request of a label that permits it.

    Withheld are inputs, outputs, errors, events and attachments; names, parents, times and
    metadata arrive. A trace that begins with anything but a request, such as an answer to a
    question, does not tell its label: it is withheld, like every trace whose beginning is unknown.
    """

    def __init__(self) -> None:
        # Of what is told, inputs, outputs, errors and metadata go through it.
        super().__init__(anonymizer=self._masked)
        self.mask: Callable[[Json], Json] | None = None
        """Takes secrets out of a JSON value."""
        self._told: set[str] = set()

    def _masked(self, value: dict[str, Any]) -> dict[str, Any]:
        masked: dict[str, Any] = self.mask(value) if self.mask is not None else value
        return masked

    def create_run(self, name: str, inputs: dict[str, Any], run_type: Any, **kwargs: Any) -> None:  # noqa: ANN401 - the library's own signature
        """Send the beginning of a run, or its shape alone."""
        trace = str(kwargs.get("trace_id"))
        if str(kwargs.get("id")) == trace and _may_be_told(inputs, kwargs.get("extra")):
            self._told.add(trace)
        if trace not in self._told:
            inputs, kwargs = {}, _shape(kwargs)
        super().create_run(name, inputs, run_type, **kwargs)

    def update_run(self, run_id: Any, **kwargs: Any) -> None:  # noqa: ANN401 - the library's own signature
        """Send the end of a run, or its shape alone."""
        trace = str(kwargs.get("trace_id"))
        if trace not in self._told:
            kwargs = _shape(kwargs)
        if str(run_id) == trace:
            self._told.discard(trace)
        super().update_run(run_id, **kwargs)


def send_discreetly(mask: Callable[[Json], Json]) -> None:
    """Make this process trace through a `DiscreetClient`, if it traces at all.

    Args:
        mask: Takes secrets out of a JSON value.
    """
    if tracing_is_enabled():
        client = _client()
        client.mask = mask
        configure(client=client)


def note_route(config: RunnableConfig, route: Route) -> None:
    """Write the decision into the traced run of this node and into the root of its trace."""
    known = {
        "route": ",".join(one.specialist for one in route.dispatches) or route.kind,
        "route_kind": route.kind,
        "route_stage": route.stage,
    }
    manager = config.get("callbacks")
    node = str(getattr(manager, "parent_run_id", None))
    for tracer in getattr(manager, "handlers", ()):
        own = tracer.run_map.get(node) if isinstance(tracer, BaseTracer) else None
        root = tracer.run_map.get(str(own.trace_id)) if own is not None else None
        for run in (own, root):
            if run is not None:
                # A new dict: tracers share theirs between the runs of a tree.
                run.extra = {**run.extra, "metadata": {**run.extra.get("metadata", {}), **known}}


@lru_cache(maxsize=1)
def _client() -> DiscreetClient:
    """One for the process: each has a thread of its own that sends."""
    return DiscreetClient()


def _may_be_told(inputs: dict[str, Any], extra: dict[str, Any] | None) -> bool:
    label = ((extra or {}).get("metadata") or {}).get("label", Label.internal.value)
    return "messages" in inputs and label in _TOLD


def _shape(fields: dict[str, Any]) -> dict[str, Any]:
    extra = {key: value for key, value in (fields.get("extra") or {}).items() if key in _SHAPE}
    kept = {key: value for key, value in fields.items() if key not in _CONTENT}
    # That it failed is part of the shape; the words of an error may quote what it was about.
    failed = {"error": "withheld"} if fields.get("error") else {}
    return {**kept, **failed, "extra": extra}
