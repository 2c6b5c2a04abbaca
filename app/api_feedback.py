"""Feedback over the API: where a run should have gone. It becomes a proposal for an operator."""

from __future__ import annotations

import json

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse

from agents.routing.tenants import permitted
from app.feedback import Said, propose
from app.lookup import known_run
from graphs.services import services
from runtime.errors import RequestError, UnknownRun

_LONGEST = 20_000
"""Bytes of a body."""


async def feedback(request: Request) -> JSONResponse:
    """Say where a run should have gone. Nothing changes before an operator approves it.

    ---
    summary: >-
      Body: specialist, and where wanted intent, dispatch, note, tenant. With keys, only the
      caller's own runs. The words of a regulated run are never kept in the proposal.
    responses:
      201:
        description: The proposal, under `proposal`; `state` is `proposed`.
      400:
        description: There is no such specialist, intent or part, or it was decided before.
      404:
        description: There is no such run.
    """
    opened = services()
    caller = request.user.identity if opened.settings.api_keys else ""
    said = await _said(request)
    id = request.path_params["run"]
    run = await known_run(opened.ledger, id)
    if caller not in ("", run.user) or run.tenant != said.tenant:
        raise UnknownRun("run", id, remedy="Look at your own threads, and name their tenant.")
    found = await propose(
        opened.ledger,
        permitted(opened.registry, opened.routing, run.tenant),
        run,
        said,
        by=caller or "the API",
        # By words where vectors cost tokens: feedback shall cost none.
        score=(opened.local_stage.words or opened.local_stage.classifier).score,
    )
    return JSONResponse(
        {
            "proposal": found.id,
            "state": found.state,
            "run": run.id,
            "specialist": found.payload["specialist"],
            "intent": found.payload["intent"],
        },
        status_code=201,
    )


async def _said(request: Request) -> Said:
    """The body, checked."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > _LONGEST:
            raise RequestError(
                f"has more than {_LONGEST:,} bytes",
                field="body",
                value=f"{len(body):,} bytes",
                remedy="Send specialist, intent and a short note.",
            )
    try:
        return Said.model_validate(json.loads(body))
    except ValidationError as error:
        first = error.errors()[0]
        raise RequestError(
            first["msg"],
            field=".".join(str(part) for part in first["loc"]) or "body",
            value=str(first["input"])[:80],
            remedy=f"Known fields: {', '.join(Said.model_fields)}.",
        ) from error
    except (ValueError, RecursionError) as error:
        raise RequestError(
            f"is not JSON: {error}",
            field="body",
            value=body[:40].decode(errors="replace"),
            remedy='Send {"specialist": "NAME"}.',
        ) from error
