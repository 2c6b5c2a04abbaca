"""Cancelling over the API: our own route, and what LangGraph's own cancel means for a run.

The server ends a worker in the same way when it is told to cancel and when it shuts down. Only the
call itself tells the two apart, so it is noted in the ledger before the worker ends.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse

from app.cancel import cancelled_json
from app.lookup import known_run
from graphs.services import Services, services
from ledger.runs import Run
from runtime.canonical import Json
from runtime.errors import UnknownRun


async def cancel(request: Request) -> JSONResponse:
    """End a run, whichever process works on it.

    ---
    summary: Every worker ends, what was accepted is kept; with keys, only the caller's own runs.
    responses:
      200:
        description: How it ended, under `status`; `cancelling` when its workers take longer.
      404:
        description: There is no such run.
      409:
        description: It has ended already.
    """
    opened = services()
    caller = request.user.identity if opened.settings.api_keys else ""
    run = await known_run(opened.ledger, request.path_params["run"])
    if caller not in ("", run.user):
        raise UnknownRun("run", request.path_params["run"], remedy="Look at your own threads.")
    if run.ended:
        detail = {"error": f"Run {run.id} has ended: {run.status}.", "status": run.status}
        return JSONResponse(detail, status_code=409)
    return JSONResponse(cancelled_json(await opened.holding.cancel(run, caller or "the API")))


async def note_cancel(wanted: Mapping[str, Json], caller: str) -> None:
    """Note that LangGraph is about to cancel runs: then they are not resumed later.

    `wanted` is what the server tells of the call; `caller` is empty where nobody needs a key.
    """
    opened = services()
    for run in await _meant(opened, wanted):
        if run.holder == opened.holding.process and caller in ("", run.user):
            await opened.ledger.runs.ask_cancel(run.id, caller or "the API")


async def _meant(opened: Services, wanted: Mapping[str, Json]) -> list[Run]:
    details = wanted.get("metadata") or {}
    drives = [str(id) for id in details.get("run_ids") or ()]
    if drives:
        ids = [opened.holding.driven_as(drive) or drive for drive in drives]
        return await opened.ledger.runs.some(ids)
    if details.get("status") == "pending":
        return []  # what waits in the queue is no run of ours yet
    return await opened.ledger.runs.unfinished()
