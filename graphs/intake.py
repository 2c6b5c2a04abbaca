"""The first node: a request is checked, identified and recorded, or refused with a remedy."""

from __future__ import annotations

from typing import Literal

from graphs.request import discreet, job_from
from graphs.services import services_when_open
from graphs.state import NO_JOB, SupervisorState, no_outcome
from runtime.errors import RequestError


async def intake(state: SupervisorState) -> SupervisorState:
    """Open the run. What an earlier request of the thread left behind is cleared."""
    opened, given = await services_when_open(), state.get("messages", [])
    clean: SupervisorState = {
        "messages": discreet(opened, given),
        "outcomes": None,
        "route": None,
        "asked": None,
        "unsure": None,
        "upstream": {},
        "took": {"seconds": 0.0, "tokens": 0},
        "earlier": last_dispatched(state),
        "revisions": 0,
    }
    try:
        job = await job_from(opened, given)
    except RequestError as error:
        refused = no_outcome(NO_JOB, "rejected", str(error))
        return {
            "job": NO_JOB,
            "route": None,
            "refusal": refused,
            "earlier": last_dispatched(state),
            "messages": clean["messages"],
        }
    return clean | {"job": job, "refusal": None}


def last_dispatched(state: SupervisorState) -> str:
    """The run that a request now may go on from, as the state of the thread was left.

    A declined request ends what was before it; one that could not be read leaves it as it is.
    """
    route = state.get("route") or {}
    if route.get("kind") == "decline":
        return ""
    return state["job"]["run"] if route.get("dispatches") else state.get("earlier", "")


def after_intake(state: SupervisorState) -> Literal["rule", "respond"]:
    """Route what could be read."""
    return "respond" if state.get("refusal") else "rule"
