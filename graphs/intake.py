"""The first node: a request is checked, identified and recorded, or refused with a remedy."""

from __future__ import annotations

from typing import Literal

from graphs.request import job_from
from graphs.services import services_when_open
from graphs.state import NO_JOB, SupervisorState, no_outcome
from runtime.errors import RequestError


async def intake(state: SupervisorState) -> SupervisorState:
    """Open the run. What an earlier request of the thread left behind is cleared."""
    clean: SupervisorState = {"outcomes": None, "route": None, "asked": 0, "revisions": 0}
    try:
        job = await job_from(await services_when_open(), state.get("messages", []))
    except RequestError as error:
        refused = no_outcome(NO_JOB, "rejected", str(error))
        return {"job": NO_JOB, "route": None, "refusal": refused}
    return clean | {"job": job, "refusal": None}


def after_intake(state: SupervisorState) -> Literal["rule", "respond"]:
    """Route what could be read."""
    return "respond" if state.get("refusal") else "rule"
