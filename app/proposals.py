"""The decision on a proposal from feedback: approve, reject, roll back."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from app.feedback import KIND, Example, Said, route_of, words_of_route
from app.proposal_change import addition, loads, removal, write
from app.spec_edit import EditFailed
from app.spec_source import read_all
from ledger.proposals import Proposal, State
from ledger.store import Ledger, open_ledger
from runtime.errors import OperatorError, UnknownRun, UserError
from runtime.labels import Label
from runtime.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a decision did."""

    proposal: Proposal
    diff: str = ""
    note: str = ""


async def approve(
    settings: Settings, id: str, *, by: str, text: str = "", include_regulated: bool = False
) -> Done:
    """Write the example into its file.

    Args:
        text: The example in other words.
        include_regulated: The words of a regulated run may be written into the file.

    Raises:
        UnknownRun: there is no such proposal.
        UserError: it was decided before, or cannot be applied; nothing was changed.
        OperatorError: the file cannot be written; the proposal is open again.
    """
    async with open_ledger(settings.ledger) as ledger:
        found = await _known(ledger, id, "proposed")
        example = Example.model_validate(found.payload)
        sources, _ = read_all(settings.specialists)
        words = " ".join(text.split()) or await words_for(
            ledger, found, example, include_regulated=include_regulated
        )
        change = addition(example.model_copy(update={"text": words}), sources)
        loads(change)
        included = example.include_regulated or include_regulated
        approved = example.model_copy(update={"text": words, "include_regulated": included})
        payload = approved.model_dump(mode="json")
        # First on record: of two operators who approve at once, one writes.
        if not await ledger.proposals.decide(id, "approved", by=by, payload=payload):
            await _known(ledger, id, "proposed")
        try:
            await asyncio.to_thread(write, change)
        except (OSError, EditFailed) as error:
            await ledger.proposals.reopen(id, found.payload)
            if isinstance(error, EditFailed):
                raise
            raise _unwritable(change.file, error) from error
        return Done(proposal=await _known(ledger, id), diff=change.diff)


async def reject(settings: Settings, id: str, *, by: str) -> Done:
    """Turn a proposal down.

    Raises:
        UnknownRun: there is no such proposal.
        UserError: it was decided before.
    """
    async with open_ledger(settings.ledger) as ledger:
        await _known(ledger, id, "proposed")
        if not await ledger.proposals.decide(id, "rejected", by=by):
            await _known(ledger, id, "proposed")
        return Done(proposal=await _known(ledger, id))


async def roll_back(settings: Settings, id: str, *, by: str) -> Done:
    """Take an approved example out of its file again.

    One that a person took out already is only noted.

    Raises:
        UnknownRun: there is no such proposal.
        UserError: it is not in force, or the file would not load without the example.
        OperatorError: the file cannot be written.
    """
    async with open_ledger(settings.ledger) as ledger:
        found = await _known(ledger, id, "approved")
        example = Example.model_validate(found.payload)
        change = removal(example, read_all(settings.specialists)[0])
        if change is not None:
            loads(change)
            try:
                await asyncio.to_thread(write, change)
            except OSError as error:
                raise _unwritable(change.file, error) from error
        if not await ledger.proposals.roll_back(id, by=by):
            await _known(ledger, id, "approved")
        return Done(
            proposal=await _known(ledger, id),
            diff=change.diff if change else "",
            note="" if change else "The example was not in the file any more.",
        )


async def _known(ledger: Ledger, id: str, state: State | None = None) -> Proposal:
    found = await ledger.proposals.get(id)
    if found is None or found.kind != KIND:
        raise UnknownRun("proposal", id, remedy="`switchyard proposals --state all` lists them.")
    if state is not None and found.state != state:
        by = found.rolled_back_by or found.decided_by
        told = f"is {found.state}" + (f", by {by}" if by else "")
        raise UserError(
            f"Proposal {id} {told}.",
            remedy="Only what is proposed is decided."
            if state == "proposed"
            else "Only what is approved is rolled back.",
        )
    return found


async def words_for(
    ledger: Ledger, found: Proposal, example: Example, *, include_regulated: bool
) -> str:
    """The words to write into the file.

    Raises:
        UserError: they may not stand there, or show nothing by themselves.
    """
    if example.follows:
        raise UserError(
            "The request went on from an earlier one, so its words alone are no example.",
            remedy='Say what was meant as one request: --text "..."',
        )
    run = found.sources[0]
    allowed = include_regulated or example.include_regulated
    if not allowed and (not example.text or await ledger.runs.label(run) is Label.regulated):
        raise UserError(
            f"Run {run} has regulated data: its words are not written into a file.",
            remedy="Give an example in words of your own by --text, or, if they may stand in the"
            " file, say --include-regulated.",
        )
    if example.text:
        return example.text
    recorded, route = await ledger.runs.get(run), await ledger.runs.route(run)
    if recorded is None or route is None:
        raise UserError(f"Run {run} is not on record any more.", remedy="Give --text.")
    said = Said(specialist=example.specialist, dispatch=example.dispatch)
    return words_of_route(recorded, route_of(route), said)


def _unwritable(file: Path, error: OSError) -> OperatorError:
    return OperatorError(
        f"{file} cannot be written: {error.strerror or error}.",
        remedy="Nothing was changed. Make the file and its folder writable, and try again.",
    )
