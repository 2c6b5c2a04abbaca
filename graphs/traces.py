"""What LangSmith may learn of a run: its shape and costs always, its content unless regulated.

Without LangSmith's own variables nothing here does anything, and nothing is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from functools import lru_cache
from typing import Any

from langchain_core.runnables import RunnableConfig
from langchain_core.tracers.base import BaseTracer
from langchain_core.tracers.langchain import LangChainTracer
from langchain_core.tracers.schemas import Run as Traced
from langsmith import Client, configure
from langsmith.utils import tracing_is_enabled

from agents.routing.decision import Route
from graphs.trace_names import Names
from ledger.runs import Run, Runs
from runtime.canonical import Json
from runtime.labels import Label, highest

_TOLD = frozenset({Label.public.value, Label.internal.value})
_SHAPE = ("metadata", "runtime")
"""What of a withheld run's `extra` is sent; the rest holds prompts' schemas and arguments."""
_CONTENT = frozenset({"inputs", "outputs", "error", "events", "attachments", "serialized"})


class DiscreetClient(Client):
    """Sends the content of a trace while the labels of its run and thread permit it.

    Withheld are inputs, outputs, errors, events and attachments; names, parents, times and
    metadata arrive, with codes for the names that a planner gave to tasks. Of a trace that begins
    with a request its beginning is told if the request's label permits it; all below it, which
    sees what the thread held before, once `open_trace` has said so; nothing any more once the
    run's label has risen. A trace that begins with anything else, such as an answer to a question,
    does not tell its label: it is withheld.
    """

    def __init__(self) -> None:
        # Of what is told, inputs, outputs, errors and metadata go through it.
        super().__init__(anonymizer=self._masked)
        self.mask: Callable[[Json], Json] | None = None
        """Takes secrets out of a JSON value."""
        self.names = Names()
        """Whose codes stand in what is withheld."""
        self._begun: set[str] = set()
        self._open: dict[str, str] = {}
        """The run of the ledger by the trace that may be told in whole."""

    def _masked(self, value: dict[str, Any]) -> dict[str, Any]:
        masked: dict[str, Any] = self.mask(value) if self.mask is not None else value
        return masked

    def tell(self, trace: str, run: str) -> None:
        """Tell all of a trace from now on, if its beginning could be told."""
        if trace in self._begun:
            self._open[trace] = run

    def withhold(self, trace: str) -> None:
        """Tell nothing more of a trace."""
        self._begun.discard(trace)
        self._open.pop(trace, None)

    def hear(self, run: str, label: Label) -> None:
        """Take note that the label of a run rose."""
        if label.value not in _TOLD:
            for trace in [trace for trace, of in self._open.items() if of == run]:
                self.withhold(trace)

    def create_run(self, name: str, inputs: dict[str, Any], run_type: Any, **kwargs: Any) -> None:  # noqa: ANN401 - the library's own signature
        """Send the beginning of a run, or its shape alone."""
        trace, id = str(kwargs.get("trace_id")), str(kwargs.get("id"))
        if id == trace and _may_be_told(inputs, kwargs.get("extra")):
            self._begun.add(trace)
        if not self._tells(trace, id):
            name, inputs, kwargs = self.names.shown(name), {}, self._shape(kwargs)
        super().create_run(name, inputs, run_type, **kwargs)

    def update_run(self, run_id: Any, **kwargs: Any) -> None:  # noqa: ANN401 - the library's own signature
        """Send the end of a run, or its shape alone."""
        trace = str(kwargs.get("trace_id"))
        # Also of the root: at its end it holds the whole thread.
        if trace not in self._open:
            kwargs = self._shape(kwargs)
        if str(run_id) == trace:
            self.withhold(trace)
        super().update_run(run_id, **kwargs)

    def _tells(self, trace: str, id: str) -> bool:
        return trace in self._open or (id == trace and trace in self._begun)

    def _shape(self, fields: dict[str, Any]) -> dict[str, Any]:
        extra = {key: value for key, value in (fields.get("extra") or {}).items() if key in _SHAPE}
        if metadata := extra.get("metadata"):
            extra["metadata"] = self.names.metadata(metadata)
        kept = {key: value for key, value in fields.items() if key not in _CONTENT}
        if name := kept.get("name"):
            kept["name"] = self.names.shown(name)
        if tags := kept.get("tags"):
            kept["tags"] = self.names.tags(tags)
        # That it failed is part of the shape; the words of an error may quote what it was about.
        failed = {"error": "withheld"} if fields.get("error") else {}
        return {**kept, **failed, "extra": extra}


def send_discreetly(mask: Callable[[Json], Json], runs: Runs, known: Collection[str]) -> None:
    """Make this process trace through a `DiscreetClient`, if it traces at all.

    Args:
        mask: Takes secrets out of a JSON value.
        runs: Whose rising labels close the traces of their runs.
        known: Names that no model made up: those of specialists.
    """
    if tracing_is_enabled():
        client = _client()
        client.mask = mask
        client.names = Names(known)
        runs.listen(client.hear)
        configure(client=client)


async def open_trace(config: RunnableConfig, runs: Runs, run: Run) -> None:
    """Let the trace of this node be told, if no run of the thread ever had a label that forbids
    it: every later node gets what the thread held before."""
    traced = [
        (tracer.client, own)
        for tracer, own in _tracing(config)
        if isinstance(tracer, LangChainTracer) and isinstance(tracer.client, DiscreetClient)
    ]
    if not traced:
        return
    label = highest(await runs.label_of_thread(run.thread), await runs.label(run.id))
    for client, own in traced:
        if label.value in _TOLD:
            client.tell(str(own.trace_id), run.id)
        else:
            client.withhold(str(own.trace_id))


def note_route(config: RunnableConfig, route: Route) -> None:
    """Write the decision into the traced run of this node and into the root of its trace."""
    known = {
        "route": ",".join(one.specialist for one in route.dispatches) or route.kind,
        "route_kind": route.kind,
        "route_stage": route.stage,
    }
    for tracer, own in _tracing(config):
        for run in (own, tracer.run_map.get(str(own.trace_id))):
            if run is not None:
                # A new dict: tracers share theirs between the runs of a tree.
                run.extra = {**run.extra, "metadata": {**run.extra.get("metadata", {}), **known}}


def _tracing(config: RunnableConfig) -> Iterator[tuple[BaseTracer, Traced]]:
    """Who traces this node, and as what."""
    manager = config.get("callbacks")
    node = str(getattr(manager, "parent_run_id", None))
    for tracer in getattr(manager, "handlers", ()):
        own = tracer.run_map.get(node) if isinstance(tracer, BaseTracer) else None
        if own is not None:
            yield tracer, own


@lru_cache(maxsize=1)
def _client() -> DiscreetClient:
    """One for the process: each has a thread of its own that sends."""
    return DiscreetClient()


def _may_be_told(inputs: dict[str, Any], extra: dict[str, Any] | None) -> bool:
    label = ((extra or {}).get("metadata") or {}).get("label", Label.internal.value)
    return "messages" in inputs and label in _TOLD
