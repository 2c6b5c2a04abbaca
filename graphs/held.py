"""Nodes that begin once the services are open, and that work for a run only while this process
drives it and nobody cancelled it."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from langgraph.config import get_config

from graphs.services import services_when_open
from runtime.errors import RunCancelled

S = TypeVar("S")
S_contra = TypeVar("S_contra", contravariant=True)
U = TypeVar("U")
U_co = TypeVar("U_co", covariant=True)


class Node(Protocol[S_contra, U_co]):
    """A node as the library takes it: by name, its state is `state`."""

    def __call__(self, state: S_contra) -> Awaitable[U_co]: ...


def when_open(node: Callable[[S], Awaitable[U]]) -> Node[S, U]:
    """The node, begun once the services are open: a restarted server goes on at any of them."""

    # The library reads name and types of a node from its signature.
    @functools.wraps(node)
    async def waiting(state: S) -> U:
        await services_when_open()
        return await node(state)

    return waiting


def held(
    node: Callable[[S], Awaitable[U]],
    run_of: Callable[[S], str],
    otherwise: Callable[[S, RunCancelled], U],
) -> Node[S, U]:
    """The node; once its run is cancelled its work ends, and `otherwise` gives its update.

    Raises, when it is called:
        RunTaken: another process drives the run.
    """

    @functools.wraps(node)
    async def guarded(state: S) -> U:
        opened = await services_when_open()
        run = run_of(state)
        configurable: dict[str, Any] = get_config().get("configurable", {})
        if drive := configurable.get("run_id"):
            opened.holding.note_drive(str(drive), run)
        try:
            return await opened.holding.unless_cancelled(run, node(state))
        except RunCancelled as cancelled:
            return otherwise(state, cancelled)

    return guarded
