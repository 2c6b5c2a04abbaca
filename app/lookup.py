"""Finds runs and approvals by what a person typed, and says what to do when there are none."""

from __future__ import annotations

from ledger.approvals import Approval
from ledger.runs import Run
from ledger.store import Ledger
from runtime.errors import UnknownRun, UserError


async def known_run(ledger: Ledger, id: str) -> Run:
    """The run of that id, or the only one whose id begins so.

    Raises:
        UnknownRun: there is none, or there are several.
    """
    run = await ledger.runs.get(id)
    if run is not None:
        return run
    near = [one for one in await ledger.runs.latest(10_000) if id and one.id.startswith(id)]
    if len(near) == 1:
        return near[0]
    remedy = (
        f"{len(near)} runs begin so; give more of the id."
        if near
        else "`switchyard runs` lists the latest."
    )
    raise UnknownRun("run", id, remedy=remedy)


async def known_approval(ledger: Ledger, id: str) -> Approval:
    """The open approval of that id.

    Raises:
        UnknownRun: there is none.
        UserError: it was answered already.
    """
    found = await ledger.approvals.get(id)
    if found is None:
        raise UnknownRun(
            "approval", id, remedy="`switchyard approvals` lists what waits for an answer."
        )
    if found.state != "pending":
        raise UserError(
            f"{id} was answered already: {found.state} by {found.answered_by}.",
            remedy=f"See what came of it: switchyard runs show {found.run}",
        )
    return found
