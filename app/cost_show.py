"""Prints what calls cost: as a table, as bars in plain text, as CSV, as data."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from app.cost import Costs, Line
from runtime.canonical import Json

_COLUMNS = (
    "calls",
    "unused",
    "prompt_tokens",
    "cached_tokens",
    "completion_tokens",
    "dollars",
    "unused_dollars",
    "frontier_dollars",
    "saved_dollars",
    "saved_share",
)
_BAR = 40
_EIGHTHS = " ▏▎▍▌▋▊▉"
_ROUND = 9
"""Places of a dollar that are told: a token costs down to a ten-millionth."""


def costs_json(found: Costs) -> Json:
    """The sums as data, dollars as numbers."""
    return {
        "by": found.by,
        "frontier": found.frontier.id if found.frontier else None,
        "rows": [{found.by: one.key, **_values(one)} for one in found.lines],
        "total": _values(found.total),
    }


def costs_csv(found: Costs) -> str:
    """The sums as CSV with a header, without the total."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow((found.by, *_COLUMNS))
    for one in found.lines:
        writer.writerow((_plain(one.key), *("" if v is None else v for v in _values(one).values())))
    return out.getvalue()


def show_costs(found: Costs, console: Console, limit: int) -> None:
    """A table of the dearest, the rest in one row, and the total."""
    if not found.lines:
        console.print("No model call was recorded.", markup=False)
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column(found.by, no_wrap=True)
    for name in ("calls", "unused", "tokens in", "cached", "out", "cost", *_saved_columns(found)):
        table.add_column(name, justify="right", no_wrap=True)
    for one in found.lines[:limit]:
        table.add_row(escape(one.key or "–"), *_cells(one))
    if (hidden := len(found.lines) - limit) > 0:
        table.add_row(f"… {hidden} more", style="dim")
    table.add_row("total", *_cells(found.total), style="bold")
    console.print(table)
    console.print(_told(found), markup=False, style="dim", soft_wrap=True)


def plot(found: Costs, console: Console, limit: int) -> None:
    """A bar for each row, by its cost, or by its tokens where nothing cost anything."""
    lines = found.lines[:limit]
    if not lines:
        console.print("No model call was recorded.", markup=False)
        return
    paid = found.total.cost > 0
    sizes = [one.cost if paid else float(_tokens(one)) for one in lines]
    longest, width = max(sizes) or 1.0, max(len(one.key or "–") for one in lines)
    for one, size in zip(lines, sizes, strict=True):
        told = _dollars(size) if paid else f"{_tokens(one):,} tokens"
        # No colour, no box: it goes into a mail or an issue as it is.
        console.print(
            f"{one.key or '–':<{width}}  {_bar(size / longest):<{_BAR}}  {told}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    if (hidden := len(found.lines) - limit) > 0:
        console.print(f"… {hidden} more", markup=False, highlight=False)


def dollars_saved(found: Line) -> str:
    """The saving in a few words; empty where there is none."""
    saving = found.saving
    if saving is None or not saving.there:
        return ""
    return f"{_dollars(saving.saved)} ({saving.share or 0:.0%})"


def _values(one: Line) -> dict[str, Json]:
    saving = one.saving
    share = saving.share if saving else None
    return dict(
        zip(
            _COLUMNS,
            (
                one.calls,
                one.failed,
                one.prompt_tokens,
                one.cached_tokens,
                one.completion_tokens,
                round(one.cost, _ROUND),
                round(one.failed_cost, _ROUND),
                round(saving.there, _ROUND) if saving else None,
                round(saving.saved, _ROUND) if saving else None,
                None if share is None else round(share, 4),
            ),
            strict=True,
        )
    )


def _cells(one: Line) -> Sequence[str]:
    share = f" ({one.failed / one.calls:.0%})" if one.failed else ""
    cells = [
        f"{one.calls:,}",
        f"{one.failed:,}{share}",
        f"{one.prompt_tokens:,}",
        f"{one.cached_tokens:,}",
        f"{one.completion_tokens:,}",
        _dollars(one.cost),
    ]
    if one.saving:
        cells += [_dollars(one.saving.there), dollars_saved(one)]
    return cells


def _saved_columns(found: Costs) -> Sequence[str]:
    return (f"all on {found.frontier.id}", "saved") if found.frontier else ()


def _told(found: Costs) -> str:
    unused = "`unused`: calls that failed, were cut off, or gave an answer that no check let pass."
    if found.frontier is None:
        return f"{unused} Every model of the profile is free; --frontier ID compares with one."
    return (
        f"{unused} `saved`: the same calls with the same tokens, all at the prices of"
        f" {found.frontier.id} ({found.frontier.model}); embeddings at their own."
    )


def _bar(share: float) -> str:
    eighths = round(share * _BAR * 8)
    whole, rest = divmod(eighths, 8)
    return "█" * whole + (_EIGHTHS[rest] if rest else "")


def _tokens(one: Line) -> int:
    return one.prompt_tokens + one.completion_tokens


def _dollars(amount: float) -> str:
    return f"${amount:,.4f}" if amount < 100 else f"${amount:,.2f}"


def _plain(key: str) -> str:
    """A key that no spreadsheet takes for a formula."""
    return f"'{key}" if key[:1] in ("=", "+", "-", "@", "\t") else key
