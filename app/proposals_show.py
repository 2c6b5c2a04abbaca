"""Prints proposals and what was decided on them, and tells them as data."""

from __future__ import annotations

import dataclasses
from datetime import datetime

import click

from app.feedback import Example
from app.proposal_effect import Rerouted
from app.proposal_list import Seen
from app.proposals import Done
from ledger.proposals import Proposal
from runtime.canonical import Json

_EFFECTS = 12
_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


def proposal_json(one: Proposal) -> Json:
    """A proposal as data."""
    return dataclasses.asdict(one)


def seen_json(one: Seen) -> Json:
    """A proposal with what it would change, as data."""
    return proposal_json(one.proposal) | {
        "payload": one.example.model_dump(mode="json"),
        "diff": one.diff,
        "problem": one.problem,
        "tried": one.tried,
        "effects": None
        if one.effects is None
        else [effect.model_dump(mode="json") for effect in one.effects],
    }


def decided_json(done: Done) -> Json:
    """What a decision did, as data."""
    return proposal_json(done.proposal) | {"diff": done.diff, "note": done.note}


def show_proposed(one: Proposal, home: str) -> None:
    """Tell that feedback is on record, and what comes next."""
    example = Example.model_validate(one.payload)
    click.echo(f"{click.style(one.id, bold=True)}  {_way(example)}")
    if not example.text:
        click.echo("  The run has regulated data: its words are not in the proposal.")
    click.echo(f"  Nothing changed yet. Look at it with: switchyard proposals{_at(home)}")


def show_listed(found: list[Seen], home: str) -> None:
    """Each proposal with its diff, its effect on routing, and the commands that decide."""
    if not found:
        click.echo("No proposals. Make one with: switchyard route feedback RUN SPECIALIST")
    for one in found:
        _show(one, home)


def show_decided(done: Done) -> None:
    """The state now, and the diff."""
    click.echo(f"{click.style(done.proposal.id, bold=True)}  {done.proposal.state}")
    if done.note:
        click.echo(f"  {done.note}")
    _diff(done.diff)


def _show(one: Seen, home: str) -> None:
    proposal, example = one.proposal, one.example
    click.echo(f"{click.style(proposal.id, bold=True)}  {_way(example)}  ({proposal.state})")
    click.echo(f"  {example.text or '(the words of a regulated run are withheld)'}")
    day = datetime.fromtimestamp(proposal.proposed_at).astimezone().strftime("%Y-%m-%d %H:%M")
    click.echo(f"  by {proposal.proposed_by}, {day}, of run {', '.join(proposal.sources)}")
    if example.note:
        click.echo(f"  note: {example.note}")
    if proposal.decided_by:
        click.echo(f"  decided by {proposal.decided_by}")
    if proposal.rolled_back_by:
        click.echo(f"  rolled back by {proposal.rolled_back_by}")
    _diff(one.diff)
    if one.problem:
        click.echo(click.style(f"  {one.problem}", fg="yellow"))
    if one.effects is not None:
        _effects(one.effects, one.tried)
    if proposal.state == "proposed":
        at = _at(home)
        click.echo(f"  Decide with: switchyard proposals approve {proposal.id}{at}")
        click.echo(f"           or: switchyard proposals reject {proposal.id}{at}")
    click.echo()


def _effects(effects: tuple[Rerouted, ...], tried: int) -> None:
    click.echo(f"  Of {tried} requests, {len(effects)} would go another way:")
    for one in effects[:_EFFECTS]:
        wrong = one.wanted and one.after not in (one.wanted, "a model")
        mark = click.style(f"  (belongs to {one.wanted})", fg="red") if wrong else ""
        click.echo(f"    {one.text[:120]}\n      {one.before} → {one.after}{mark}")
    if (more := len(effects) - _EFFECTS) > 0:
        click.echo(f"    and {more} more (--json has all of them)")


def _diff(diff: str) -> None:
    for line in diff.splitlines():
        click.echo("  " + click.style(line, fg=_COLOURS.get(line[:1])))


def _way(example: Example) -> str:
    was = " → ".join(example.was) or "nobody"
    return f"{was} ⇢ {example.specialist}/{example.intent}"


def _at(home: str) -> str:
    return f" --home {home}" if home else ""
