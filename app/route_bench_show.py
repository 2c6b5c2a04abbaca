"""Prints what `switchyard route bench` measured, for a person."""

from __future__ import annotations

import click

from app.route_baseline import Changed, Changes
from app.route_figures import Confusion, Figures, Share

_PAIRS = 10
_REQUESTS = 5


def show_figures(figures: Figures) -> None:
    """The figures, each with its interval, then the pairs that are confused."""
    if figures.held_out:
        click.echo(
            f"The specialists' {figures.requests} examples, each decided without itself"
            f" (router {figures.router})"
        )
    else:
        click.echo(f"{figures.requests} requests (router {figures.router})")
    _line("accuracy", figures.accuracy, "in scope, counted by the best guess where it is open")
    _line("answered without a model", figures.coverage, "of those in scope")
    _line("  of these rightly", figures.precision, figures.verdict)
    for name, share in figures.stages.items():
        _line(f"  by stage {name}", share)
    if figures.intents is not None:
        _line("intent", figures.intents, "of those with an intent that went right")
    _line("out of scope: declined", figures.out_of_scope_declined)
    _line("out of scope: taken", figures.out_of_scope_taken, "given to somebody without a model")
    _line("wrongly declined", figures.wrongly_declined, "of those in scope")
    _line("in the short list", figures.short_list, "of those that are open and in scope")
    _line("splits that are right", figures.split_precision)
    _line("several intents: split right", figures.split_recall)
    _line("one intent: wrongly split", figures.wrongly_split)
    click.echo(
        f"  {'time without a model':<30} p50 {figures.p50_ms:.1f} ms, p99 {figures.p99_ms:.1f} ms"
    )
    if figures.tokens:
        click.echo(f"  {'tier route':<30} {figures.tokens:,} tokens, ${figures.dollars:.4f}")
    _confused(figures.confusions)


def show_changes(changes: Changes) -> None:
    """What differs from the baseline, the worse first."""
    click.echo("\nAgainst the baseline:")
    if changes.same_router:
        click.echo("  The router is the same: same examples, same settings.")
    if changes.added or changes.removed:
        click.echo(
            f"  The golden set differs: {changes.added} requests are new, {changes.removed} are"
            " gone. The figures do not compare; the requests below do."
        )
    for one in changes.figures:
        word = click.style("better", fg="green") if one.better else click.style("worse", fg="red")
        click.echo(f"  {word}: {_words(one.name)} {one.before:.1%} → {one.now:.1%}")
    for better, title in ((False, "worse"), (True, "better"), (None, "other")):
        members = [one for one in changes.requests if one.better is better]
        if members:
            click.echo(f"  {title} ({len(members)}):")
        for change in members:
            click.echo(f"    {change.now.text[:120]}\n      {_way(change)}")
    if not changes.figures and not changes.requests:
        click.echo("  Nothing changed.")


def missed(figures: Figures, *, accuracy: float | None, precision: float | None) -> list[str]:
    """In words, each figure that is below what was asked for."""
    asked = (("accuracy", figures.accuracy, accuracy), ("precision", figures.precision, precision))
    return [
        f"{name} is {share.value:.1%}, at least {least:.1%} was asked for."
        if share.value is not None
        else f"{name} cannot be told: no request counts for it."
        for name, share, least in asked
        if least is not None and (share.value is None or share.value < least)
    ]


def _line(name: str, share: Share, told: str = "") -> None:
    if not share.of:
        return
    value = click.style(f"{share.value:6.1%}", bold=True)
    within = click.style(f"{share.low:.0%} to {share.high:.0%}", dim=True)
    note = f"  {told}" if told else ""
    click.echo(f"  {name:<30} {value}  {share.count:>4} of {share.of:<4}  {within}{note}")


def _confused(confusions: tuple[Confusion, ...]) -> None:
    if not confusions:
        click.echo("  Nothing is confused.")
        return
    click.echo("\nConfused, the most frequent first:")
    for one in confusions[:_PAIRS]:
        sure = click.style(f", {one.sure} of them without asking", fg="red") if one.sure else ""
        click.echo(f"  {one.count} x {click.style(f'{one.wanted} ⇢ {one.went}', bold=True)}{sure}")
        for text in one.requests[:_REQUESTS]:
            click.echo(f"      {text[:140]}")
        if (more := len(one.requests) - _REQUESTS) > 0:
            click.echo(f"      and {more} more")
    if len(confusions) > _PAIRS:
        click.echo(f"  and {len(confusions) - _PAIRS} more pairs (--json has all of them)")


def _way(change: Changed) -> str:
    before, now = change.before, change.now
    wanted = "" if before.wanted == now.wanted else f"; wanted {before.wanted}, now {now.wanted}"
    return f"{before.went} (by {before.stage}) → {now.went} (by {now.stage}){wanted}"


def _words(name: str) -> str:
    return name.replace("_", " ")
