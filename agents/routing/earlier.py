"""What a request of a conversation may go on from: the routed request before it."""

from __future__ import annotations

from collections.abc import Sequence

from agents.routing.decision import Dispatch
from harness.plan import Frozen
from ledger.store import Ledger
from runtime.canonical import Json
from runtime.labels import Label

_MARK = "This goes on from what was asked before it, the latest first:"
_MOST = 3
_CUT = 600
"""Characters of an earlier request that are repeated."""
_USABLE = ("done", "incomplete")
_BEFORE = "before-"


class Earlier(Frozen):
    """A routed request of the same thread, tenant and user."""

    run: str
    dispatches: tuple[Dispatch, ...]
    label: Label
    """The label of its data as it is now; what goes on from it has at least this one."""
    results: dict[str, Json]
    """Request and outputs of each of its dispatches that had a result, by dispatch id; before
    them those that it was given itself."""

    @property
    def specialists(self) -> tuple[str, ...]:
        """Who worked on it, in order."""
        return tuple(dict.fromkeys(one.specialist for one in self.dispatches))

    def text_of(self, specialist: str) -> str:
        """What a specialist was asked, or all of it for one that was not."""
        own = [one.text for one in self.dispatches if one.specialist == specialist]
        return "\n".join(own or [one.text for one in self.dispatches])


_FARTHEST = 3
"""Runs before the earlier one whose results are still handed on."""


async def earlier_of(
    ledger: Ledger, run: str, *, thread: str, tenant: str, user: str, back: int = _FARTHEST
) -> Earlier | None:
    """The request to go on from, as the ledger has it; None unless it has a route and belongs to
    the same caller.

    A thread may be written to under several names: nobody goes on from another one's request.
    """
    recorded = await ledger.runs.get(run) if run else None
    caller = (thread, tenant, user)
    if recorded is None or (recorded.thread, recorded.tenant, recorded.user) != caller:
        return None
    decision = await ledger.runs.route(run) or {}
    dispatches = tuple(Dispatch.model_validate(one) for one in decision.get("dispatches", ()))
    if not dispatches:
        return None
    results = _results(dispatches, (recorded.answer or {}).get("outcomes", ()))
    before = str(decision.get("follows", ""))
    if back and before and any(before in one.needs for one in dispatches):
        # It had the results of a run before it: what goes on from it may need them as well.
        first = await earlier_of(
            ledger, before, thread=thread, tenant=tenant, user=user, back=back - 1
        )
        handed = first.results if first else {}
        results = {f"{_BEFORE}{id}": one for id, one in handed.items()} | results
    return Earlier(run=run, dispatches=dispatches, label=Label(recorded.label), results=results)


def _results(dispatches: tuple[Dispatch, ...], outcomes: Sequence[Json]) -> dict[str, Json]:
    asked = {one.id: own_words(one.text) for one in dispatches}
    # An answer that was sent back came of a dispatch of its own, named after the first one.
    found = {one["dispatch"].partition("-again")[0]: one for one in outcomes}
    return {
        id: {"request": asked[id], "outputs": one["outputs"]}
        for id, one in found.items()
        if id in asked and one["status"] in _USABLE and one["outputs"] is not None
    }


def going_on(text: str, before: str) -> str:
    """A follow-up that stands alone: its own words first, then what was asked before it.

    The first words are the newest ones on purpose: what is read out of a request by its first
    match, such as the id of an incident, is then what the follow-up names, if it names one.
    """
    asked = [" ".join(one.split())[:_CUT] for one in _unwound(before)]
    lines = "\n".join(f"> {one}" for one in asked[:_MOST])
    return f"{text}\n\n{_MARK}\n{lines}"


def own_words(text: str) -> str:
    """A request without the earlier ones that `going_on` put behind it."""
    return text.partition(f"\n\n{_MARK}\n")[0]


def _unwound(text: str) -> list[str]:
    """The requests that a text was put together from, the latest first."""
    own, _, rest = text.partition(f"\n\n{_MARK}\n")
    return [own, *(line.removeprefix("> ") for line in rest.splitlines() if line.strip())]
