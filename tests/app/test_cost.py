"""`switchyard cost`: what is on record, summed, beside what one strong model would have cost."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from app.cost_span import span_of
from graphs.answer import answer_of, saved_words
from graphs.state import Answer
from ledger.spend_sums import Span
from ledger.store import Ledger, open_ledger
from models.config import load_models
from models.frontier import frontier_of
from runtime.context import RunContext
from runtime.errors import RequestError
from runtime.labels import Label
from tests.app.conftest import Invoke

Call = tuple[str, str, str, int, int, int, str, float]
"""Run, tenant, tier; tokens in, of these cached, out; the outcome; how many seconds ago."""
DAY = 86_400.0
NOON = 1_796_040_000.0
"""2026-11-30, 12:00 UTC."""
PROFILE = """\
profile: both
profiles:
  both:
    model_list:
{entries}
"""
ENTRY = """\
      - model_name: {tier}
        litellm_params: {{model: openai/{id}, api_key: os.environ/NOBODY_HAS_THIS}}
        model_info:
          id: {id}
          cleared_for: internal
          input_cost_per_token: {price:.9f}
          output_cost_per_token: {answer:.9f}
          cache_read_input_token_cost: {cached:.9f}
          max_input_tokens: 1000
"""
PRICES = {"route": 0.1, "plan": 10.0, "work": 1.0, "judge": 0.5, "embed": 0.2}


def models_file(folder: Path) -> None:
    entries = "".join(
        ENTRY.format(
            tier=tier,
            id=f"the-{tier}",
            price=price / 1e6,
            answer=0 if tier == "embed" else 4 * price / 1e6,
            cached=price / 1e7,
        )
        for tier, price in PRICES.items()
    )
    (folder / "models.yaml").write_text(PROFILE.format(entries=entries.rstrip()))


@pytest.fixture
def recorded(home: Path, config: Callable[..., Path]) -> Callable[..., None]:
    """Writes calls of a made-up installation into the ledger of this test."""
    models_file(config())
    home.mkdir(parents=True)
    now = [NOON]

    async def written(*calls: Call) -> None:
        url = f"sqlite+aiosqlite:///{home / 'ledger.sqlite'}"
        async with open_ledger(url, lambda: now[0]) as ledger:
            for number, (run, tenant, tier, prompt, cached, said, outcome, ago) in enumerate(calls):
                now[0] = NOON - ago
                await start(ledger, run, tenant)
                price = PRICES[tier] / 1e6
                cost = (prompt - cached) * price + cached * price / 10
                cost += said * price * (0 if tier == "embed" else 4)
                await ledger.spend.record(
                    f"{run}-{number}",
                    RunContext(run=run, specialist=f"for-{tier}", task="d1"),
                    tier=tier,
                    deployment=f"the-{tier}",
                    model=f"x/the-{tier}",
                    prompt_tokens=prompt,
                    completion_tokens=said,
                    cost=cost,
                    outcome=outcome,
                    seconds=0.5,
                    cache_read=cached,
                )

    return lambda *calls: asyncio.run(written(*calls))


async def start(ledger: Ledger, run: str, tenant: str) -> None:
    await ledger.runs.start(
        run, thread="t", request="?", tenant=tenant, user="u", label=Label.internal, docs=""
    )


CALLS = (
    ("run-a", "acme", "route", 1000, 0, 100, "ok", 0.0),
    ("run-a", "acme", "work", 2000, 1000, 500, "ok", 0.0),
    ("run-a", "acme", "embed", 5000, 0, 0, "cached", 0.0),
    ("run-b", "=evil", "plan", 100, 0, 50, "ok", DAY),
    ("run-b", "=evil", "work", 400, 0, 100, "server_error", DAY),
)


def test_each_way_of_summing_gives_the_same_total(
    recorded: Callable[..., None], switchyard: Invoke
) -> None:
    recorded(*CALLS)
    told = {}
    for by in ("run", "specialist", "tier", "tenant", "day", "deployment"):
        found = json.loads(switchyard("cost", "--by", by, "--json").stdout)
        told[by] = [row[by] for row in found["rows"]]
        assert found["total"]["calls"] == 5
        assert found["total"]["unused"] == 1
        assert found["total"]["prompt_tokens"] == 8500
        assert found["total"]["cached_tokens"] == 1000
        dollars = sum(row["dollars"] for row in found["rows"])
        assert found["total"]["dollars"] == pytest.approx(dollars)
    assert told["day"] == ["2026-11-29", "2026-11-30"]
    assert told["tenant"] == ["acme", "=evil"]
    assert told["run"] == ["run-b", "run-a"] or told["run"] == ["run-a", "run-b"]
    assert set(told["tier"]) == {"route", "work", "plan", "embed"}


def test_the_saving_is_the_same_tokens_at_the_frontiers_prices(
    recorded: Callable[..., None], switchyard: Invoke
) -> None:
    recorded(*CALLS)
    found = json.loads(switchyard("cost", "--by", "tier", "--json").stdout)
    rows = {row["tier"]: row for row in found["rows"]}
    assert found["frontier"] == "the-plan"
    # 10 dollars a million in, 40 out, 1 for cached ones: 1000 + 100, then 1000 and 1000 cached.
    assert rows["route"]["frontier_dollars"] == pytest.approx(0.010 + 0.004)
    assert rows["route"]["saved_share"] == pytest.approx(1 - 0.1 / 10)
    work = (1000 + 400) * 10e-6 + 1000 * 1e-6 + 600 * 40e-6
    assert rows["work"]["frontier_dollars"] == pytest.approx(work)
    assert rows["plan"]["saved_dollars"] == 0
    # No chat model makes embeddings: they cost there what they cost here.
    assert rows["embed"]["saved_dollars"] == 0
    assert rows["embed"]["frontier_dollars"] == rows["embed"]["dollars"] == pytest.approx(0.001)
    cheaper = json.loads(switchyard("cost", "--frontier", "the-judge", "--json").stdout)
    assert cheaper["frontier"] == "the-judge"
    assert cheaper["total"]["saved_dollars"] < 0


def test_the_span_and_the_run_leave_the_others_out(
    recorded: Callable[..., None], switchyard: Invoke
) -> None:
    recorded(*CALLS)

    def calls(*given: str) -> int:
        found: int = json.loads(switchyard("cost", *given, "--json").stdout)["total"]["calls"]
        return found

    assert calls("--run", "run-b") == 2
    assert calls("--since", "2026-11-30") == 3
    assert calls("--until", "2026-11-30") == 2
    assert calls("--since", "2026-11-29T12:00", "--until", "2026-11-29T12:01+00:00") == 2
    assert calls("--until", "2026-11-29T12:00") == 0
    assert switchyard("cost", "--run", "nobody").exit_code == 2


def test_the_table_names_the_dearest_and_sums_the_rest(
    recorded: Callable[..., None], switchyard: Invoke
) -> None:
    recorded(*CALLS)
    shown = switchyard("cost", "--by", "tier", "--limit", "2").stdout
    assert "… 2 more" in shown
    assert "all on the-plan" in shown
    assert "total" in shown
    assert "1 (20%)" in shown


def test_the_plot_is_plain_text_and_its_longest_bar_is_the_dearest(
    recorded: Callable[..., None], switchyard: Invoke
) -> None:
    recorded(*CALLS)
    lines = switchyard("cost", "--by", "tier", "--plot").stdout.splitlines()
    bars = {line.split()[0]: line.count("█") for line in lines}
    assert bars == dict(sorted(bars.items(), key=lambda one: -one[1]))
    assert max(bars.values()) == 40
    assert all("\x1b" not in line and "$" in line for line in lines)


def test_the_csv_holds_every_row_and_no_formula(
    recorded: Callable[..., None], switchyard: Invoke
) -> None:
    recorded(*CALLS)
    text = switchyard("cost", "--by", "tenant", "--limit", "1", "--csv").stdout
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["tenant"] for row in rows] == ["acme", "'=evil"]
    assert float(rows[0]["dollars"]) > 0
    assert switchyard("cost", "--csv", "--json").exit_code == 2


def test_an_empty_ledger_says_so(switchyard: Invoke, config: Callable[..., Path]) -> None:
    config()
    assert "No model call was recorded." in switchyard("cost").stdout
    assert "No model call was recorded." in switchyard("cost", "--plot").stdout


def test_instants_are_read_in_the_forms_that_help_names() -> None:
    assert span_of("7d", "2h", now=NOON) == Span(since=NOON - 7 * DAY, until=NOON - 7200)
    assert span_of("2026-11-30", "") == Span(since=NOON - DAY / 2)
    with pytest.raises(RequestError, match="is no instant"):
        span_of("yesterday", "")
    with pytest.raises(RequestError, match="not after"):
        span_of("2026-11-30", "2026-11-29")


def test_one_run_and_its_answer_tell_what_tiering_saved(
    recorded: Callable[..., None], switchyard: Invoke, home: Path
) -> None:
    recorded(*CALLS)
    told = json.loads(switchyard("cost", "--run", "run-a", "--json").stdout)["total"]
    saving = json.loads(switchyard("runs", "show", "run-a", "--json").stdout)["saving"]
    assert saving["frontier"] == "the-plan"
    assert saving["saved"] == pytest.approx(told["saved_dollars"])
    assert saving["share"] == pytest.approx(told["saved_share"], abs=1e-4)
    shown = switchyard("runs", "show", "run-a").stdout
    assert f"on the-plan would have cost ${told['frontier_dollars']:.4f}" in shown

    async def answered(compared: bool) -> Answer:
        config = load_models(Path(os.environ["SWITCHYARD_CONFIG"]) / "models.yaml", keys=False)
        async with open_ledger(f"sqlite+aiosqlite:///{home / 'ledger.sqlite'}") as ledger:
            return await answer_of(
                ledger,
                "run-a",
                status="done",
                text="Here.",
                outcomes=[],
                evidence=[],
                missing=[],
                frontier=frontier_of(config) if compared else None,
            )

    answer = asyncio.run(answered(True))
    assert (answer["model_calls"], answer["tokens"]) == (3, 8600)
    assert answer["cost"] == pytest.approx(told["dollars"])
    assert answer["saved"] == pytest.approx(told["saved_dollars"])
    assert saved_words(answer) == f" ({told['saved_share']:.0%} below all on the-plan)"
    alone = asyncio.run(answered(False))
    assert "saved" not in alone
    assert saved_words(alone) == ""


def test_a_run_can_be_read_when_the_models_file_cannot(
    recorded: Callable[..., None], switchyard: Invoke
) -> None:
    recorded(*CALLS)
    (Path(os.environ["SWITCHYARD_CONFIG"]) / "models.yaml").write_text("nonsense: [")
    assert json.loads(switchyard("runs", "show", "run-a", "--json").stdout)["saving"] is None
    assert switchyard("cost").exit_code == 2
