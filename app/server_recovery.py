"""When the server starts, runs that were cut off go on, and paused ones can be answered again.

The ledger says which they are. The server's own memory may have lost their threads, since it is
written every ten seconds only; their steps are in the checkpoints.
"""

from __future__ import annotations

import logging
import uuid

from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient
from langgraph_sdk.errors import APIStatusError, ConflictError

from app.checkpoints import Checkpoints
from app.place import Place, place_of
from graphs.request import GOES_ON_WITH
from graphs.services import Services
from ledger.runs import Run
from runtime.errors import RunCancelled, RunTaken

_log = logging.getLogger(__name__)


async def recover(services: Services, checkpoints: Checkpoints) -> None:
    """Bring back the threads that the server lost, and go on with what was cut off.

    A run that the server remembers is left to its own queue: under its old id the library goes on
    from the last step. One that another process took meanwhile is left to it.
    """
    async with get_client() as client:
        for run in await services.holding.cut_off():
            await _go_on(services, checkpoints, client, run)
        for run in await services.ledger.runs.unfinished():
            if run.status == "paused" and (place := await _place(services, checkpoints, run)):
                await _thread(services, client, run, place)


async def _go_on(
    services: Services, checkpoints: Checkpoints, client: LangGraphClient, run: Run
) -> None:
    place = await _place(services, checkpoints, run)
    if place is None:
        return
    try:
        await services.holding.take(run.id)
        await _thread(services, client, run, place)
        await client.runs.create(
            run.thread,
            place.graph,
            input=None,
            context=place.context,
            metadata=_owner(services, run) | {GOES_ON_WITH: run.id},
            multitask_strategy="reject",
            durability="sync",
        )
    except (RunTaken, RunCancelled, ConflictError) as error:
        # The server or another process goes on with it, or its end is asked for and follows.
        _log.info("run %s: %s", run.id, error)
    except APIStatusError:
        _log.exception("run %s cannot go on; resume it by hand", run.id)
        await services.holding.stop(run.id)
    else:
        _log.warning("run %s was cut off and goes on", run.id)


async def _place(services: Services, checkpoints: Checkpoints, run: Run) -> Place | None:
    """Where the run stands; None when the server cannot go on with it."""
    try:
        uuid.UUID(run.thread)
    except ValueError:
        return None  # a thread that was named at the command line
    place = await place_of(services.ledger, checkpoints, run)
    return place if place.begun else None


async def _thread(services: Services, client: LangGraphClient, run: Run, place: Place) -> None:
    """Make the thread anew if the server lost it; its state is in the checkpoints."""
    await client.threads.create(
        thread_id=run.thread,
        graph_id=place.graph,
        metadata=_owner(services, run),
        if_exists="do_nothing",
    )


def _owner(services: Services, run: Run) -> dict[str, str]:
    """With keys, a thread is seen by its owner alone."""
    return {"owner": run.user} if services.settings.api_keys else {}
