"""HTTP routes beside the LangGraph API, and the lifespan in which the server's services live.

Graph nodes run in the event loop of this lifespan, so what it opens is what they use.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from app.api_cancel import cancel
from app.api_feedback import feedback
from app.catalogue import tool_counts
from app.checkpoints import open_checkpoints
from app.edge import code_of
from app.exit_codes import Exit
from app.places import settings_for
from app.questions import command_for
from app.server_recovery import recover
from graphs.services import open_services, services
from ledger.approvals import Approval
from models.tiers import TIERS
from runtime.errors import SwitchyardError, UnknownRun

# Made absolute here, at import: inside of the loop the server forbids to ask for the folder.
_SETTINGS = settings_for()


@asynccontextmanager
async def lifespan(_app: Starlette) -> AsyncIterator[None]:
    """Open ledger, models and tool servers for as long as the server runs; recover what was cut
    off."""
    async with (
        open_checkpoints(_SETTINGS) as checkpoints,
        open_services(_SETTINGS, "server") as opened,
    ):
        # litellm takes seconds to load: in a thread, while the server is ready already. A run that
        # comes before it is loaded waits for it at its intake.
        loading = asyncio.create_task(opened.models.warm())
        # Before the first caller comes: a thread that the server lost is there again by then.
        await recover(opened, checkpoints)
        yield
        await loading


async def ready(_request: Request) -> JSONResponse:
    """What this installation has.

    ---
    summary: Specialists, tools, tool servers that are not available, and model tiers.
    responses:
      200:
        description: The server takes requests; what is missing stands under `unavailable`.
    """
    opened = services()
    return JSONResponse(
        {
            "ready": True,
            "specialists": sorted(opened.registry),
            "problems": [str(problem) for problem in opened.registry.problems],
            "tools": tool_counts(opened.gateway),
            "unavailable": dict(opened.gateway.unavailable),
            "tiers": {tier: [one.id for one in opened.models.deployments(tier)] for tier in TIERS},
        }
    )


async def approvals(request: Request) -> JSONResponse:
    """What waits for a person.

    ---
    summary: Open questions of paused runs, the oldest first; with keys, only the caller's own.
    responses:
      200:
        description: >-
          A list under `approvals`. Answer one by resuming its thread with
          {"command": {"resume": {INTERRUPT_ID: {"approval": ID, "decision": "approve"}}}}.
    """
    opened = services()
    caller = request.user.identity if _SETTINGS.api_keys else ""
    shown = []
    for one in await opened.ledger.approvals.pending():
        run = await opened.ledger.runs.get(one.run)
        if run is not None and caller in ("", run.user):
            shown.append(_shown(one) | {"thread": run.thread})
    return JSONResponse({"approvals": shown})


def _shown(one: Approval) -> dict[str, object]:
    return {
        "approval": one.id,
        "run": one.run,
        "task": one.task,
        "kind": one.kind,
        "question": one.question,
        "asked_at": one.asked_at,
        "answer": command_for(one.id, one.kind),
    }


async def _told(_request: Request, error: Exception) -> JSONResponse:
    """A known error as JSON: 404 or 400 for the caller's mistakes, 503 for ours."""
    assert isinstance(error, SwitchyardError), "registered for these alone"
    if isinstance(error, UnknownRun):
        return JSONResponse({"error": error.message, "remedy": error.remedy}, status_code=404)
    status = 400 if code_of(error) == Exit.rejected else 503
    return JSONResponse({"error": error.message, "remedy": error.remedy}, status_code=status)


app = Starlette(
    routes=[
        Route("/ready", ready, methods=["GET"]),
        Route("/approvals", approvals, methods=["GET"]),
        Route("/cancel/{run}", cancel, methods=["POST"]),
        Route("/runs/{run}/feedback", feedback, methods=["POST"]),
    ],
    lifespan=lifespan,
    exception_handlers={SwitchyardError: _told},
)
