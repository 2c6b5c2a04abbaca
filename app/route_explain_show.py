"""Prints an explanation of a route for a person."""

from __future__ import annotations

import click

from app.route_explanation import Cut, Explanation, Share, Shown, Told
from app.routing import show_route


def show_explanation(told: Explanation) -> None:
    """The decision, each stage with its time, each candidate, the split, and the prompt."""
    show_route(told.route.model_copy(update={"candidates": ()}))
    _title("Stages")
    for stage in told.stages:
        took = click.style(f"{stage.seconds * 1000:8.2f} ms", dim=True)
        click.echo(f"  {stage.name:<6} {took}  {stage.said}")
    if told.candidates:
        _title("Candidates")
    for one in told.candidates:
        _candidate(one, told.threshold or 0.0)
    if told.none is not None and told.candidates:
        click.echo(f"  {told.none:6.1%}  none of these")
    if told.cuts:
        _title("Split")
    for cut in told.cuts:
        _cut(cut)
    for shown in told.shown:
        _prompt(shown)


def _candidate(one: Told, threshold: float) -> None:
    colour = "green" if one.probability >= threshold else None
    share = click.style(f"{one.probability:6.1%}", fg=colour, bold=True)
    intent = f" ({one.intent})" if one.intent else ""
    click.echo(f"  {share}  {click.style(one.specialist, bold=True)}{intent}: {one.why}")
    for near in one.nearest:
        place = click.style(near.place, dim=True)
        click.echo(f"          {near.similarity:.2f}  {near.text[:100]}  {place}")
    if one.speaks_for:
        click.echo(f"          for:     {_words(one.speaks_for)}")
    if one.speaks_against:
        click.echo(f"          against: {_words(one.speaks_against)}")


def _cut(cut: Cut) -> None:
    click.echo(f"  at {cut.at!r}: {cut.why}" if cut.at else f"  {cut.why}")
    for part in cut.parts:
        sure = click.style("sure", fg="green") if part.sure else click.style("unsure", fg="yellow")
        after = ", after the part before it" if part.waits else ""
        told = f"{part.specialist} ({sure}{after}): {part.text[:100]}"
        click.echo(f"    {part.probability:6.1%}  {told}")


def _prompt(shown: Shown) -> None:
    _title("Tier route was shown" if shown.asked else "Tier route was not asked; it would see")
    click.echo(
        f"  {shown.candidates} candidates, at most about {shown.tokens:,} tokens"
        f" ({shown.tokens_of_all:,} with every specialist)"
    )
    for line in shown.prompt.splitlines():
        click.echo(click.style(f"  | {line}", dim=True))


def _title(text: str) -> None:
    click.echo(f"\n{click.style(text, underline=True)}")


def _words(shares: tuple[Share, ...]) -> str:
    return ", ".join(f"{one.word} {one.weight:.2f}" for one in shares)
