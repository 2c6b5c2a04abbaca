"""What tiering saves on a recorded workload of 200 runs, by the prices in models.yaml:
`make bench-cost`.

The shipped requests go through the whole system on a scripted provider behind a vendor's wire
format. Every figure is then read from the ledger, as `switchyard cost` reads it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import yaml
from rich.console import Console

from app.cost import costs
from app.cost_show import plot, show_costs
from app.models_swap import swap
from bench.cost_count import PARTS, Workload, calculated, price, variants, workload
from bench.report import machine, progress, show, write
from bench.router_server import Asked, shipped
from ledger.spend_sums import Span
from ledger.store import open_ledger
from models.config import load_models
from models.frontier import frontier_of
from runtime.canonical import Json
from runtime.settings import ROOT, Settings
from tests.graphs.driver import INCIDENT, Driver, driver
from tests.provider import Exchange, Reply, ScriptedProvider
from tests.provider.extracting import ExtractingBrain
from tests.servers.mailbox import mail_server

GOAL = 0.80
OTHERS = ("openai", "google")
"""Profiles at whose prices the same tokens are counted as well."""
NOTES = [
    "The provider is scripted: its answers are extractions, its tokens a quarter of the characters"
    " of the real prompts, tools and answers. No tokens were cached. Prices are those of the file.",
    "The frontier is the dearest chat deployment of the profile, as in `switchyard cost`.",
    "`same_calls`: the recorded calls with their recorded tokens, all at the frontier's prices.",
    "`one_model_for_all`: beside them, what a system on one model is asked that ours never asked:"
    " to route each request, with every specialist listed (calculated from the real prompt), and to"
    " draw the plans that stand in specialists' files (each as long as the mean recorded one).",
    "Only `as shipped` was recorded; the other variants price the same tokens anew, which is what"
    " `switchyard models swap --dry-run` does. `judge_diff` is what it would write.",
    "A profile other than the recorded one is counted with the same tokens.",
]


class Willing:
    """The extracting brain of a model that thinks before it speaks: nobody can force its tools, so
    litellm asks for none by force; where one alone is offered, it takes it."""

    def __init__(self) -> None:
        self._brain = ExtractingBrain()

    def reply(self, exchange: Exchange) -> Reply:
        if len(exchange.tools) == 1 and exchange.tool_use == "auto":
            only = exchange.tools[0].name
            exchange = replace(exchange, tool_use="required", forced_tool=only)
        return self._brain.reply(exchange)


def settings_on(provider: ScriptedProvider, profile: str, folder: Path) -> Settings:
    """The bundled configuration with one profile of models.yaml led to the provider: addresses and
    keys change, models and prices stay."""
    config = folder / "config"
    config.mkdir()
    for file in (ROOT / "config").iterdir():
        if file.name != "models.yaml":
            (config / file.name).symlink_to(file)
    data = yaml.safe_load((ROOT / "config" / "models.yaml").read_text())
    entries = data["profiles"][profile]["model_list"]
    bases = {
        "openai": provider.openai_base,
        "anthropic": provider.anthropic_base,
        "gemini": provider.gemini_base,
    }
    for entry in entries:
        params = entry["litellm_params"]
        if base := bases.get(params["model"].split("/")[0]):
            entry["litellm_params"] = params | {"api_base": base, "api_key": "scripted"}
    # Through JSON: a dump with anchors would tie the entries together.
    whole = {"profile": profile, "profiles": {profile: {"model_list": entries}}}
    plain = json.loads(json.dumps(whole))
    (config / "models.yaml").write_text(yaml.safe_dump(plain, sort_keys=False))
    return Settings(home=folder / "home", config=config)


async def recorded(opened: Driver, asked: Sequence[Asked]) -> Counter[str]:
    """Carry out the requests one after the other; how they ended."""
    ended: Counter[str] = Counter()
    for number, one in enumerate(asked):
        docs = {"docs": str(INCIDENT)} if "incident-review" in one.expect else {}
        async with asyncio.timeout(180):
            told = await opened.ask(one.text, thread=f"{number}", decide=_decided, **docs)
        ended[str(told.answer.get("status", "open"))] += 1
        if number % 20 == 19:
            progress(f"{number + 1} of {len(asked)} runs")
    return ended


def _decided(question: Json) -> str:
    return "approve" if question["kind"] != "clarify" else "the first one"


async def measure(profile: str, *, small: bool) -> Json:
    """All figures."""
    asked = shipped()[:: 10 if small else 1]
    began = time.monotonic()
    with ScriptedProvider(Willing()) as provider, tempfile.TemporaryDirectory() as folder:
        settings = settings_on(provider, profile, Path(folder))
        async with mail_server() as mailbox:
            os.environ |= {
                "SWITCHYARD_SMTP_HOST": "127.0.0.1",
                "SWITCHYARD_SMTP_PORT": str(mailbox.port),
                "SWITCHYARD_MAIL_FROM": "desk@example.com",
            }
            async with driver(settings.home, config=settings.config) as opened:
                ended = await recorded(opened, asked)
        found = {
            "runs": len(asked),
            "ended": dict(ended),
            "provider_calls": len(provider.calls),
            "seconds": round(time.monotonic() - began, 1),
            **await _figures(settings, profile, asked),
        }
    return found | {"notes": NOTES, "machine": machine("litellm", "langchain-litellm")}


async def _figures(settings: Settings, profile: str, asked: Sequence[Asked]) -> Json:
    by_tier = await costs(settings, "tier", Span())
    by_specialist = await costs(settings, "specialist", Span())
    console = Console(width=140)
    for one in (by_tier, by_specialist):
        show_costs(one, console, 30)
    plot(by_specialist, console, 30)
    total = by_tier.total.saving
    assert total is not None, "a vendor's models have prices"
    async with open_ledger(settings.ledger) as ledger:
        done = await workload(ledger, [one.text for one in asked])
    config = load_models(settings.config / "models.yaml", keys=False)
    judge, plan = config.tier("judge")[0].id, config.tier("plan")[0].id
    changed = await swap(settings, judge, plan, dry_run=True)
    return {
        "model_calls": by_tier.total.calls,
        "unused_calls": by_tier.total.failed,
        "profile": profile,
        "goal": {"saved_share": GOAL},
        "total": {
            "dollars": round(total.cost, 6),
            "frontier_dollars": round(total.there, 6),
            "saved_share": round(total.share or 0.0, 4),
        },
        "recorded": {part: asdict(done.recorded[part]) for part in PARTS},
        "avoided": {part: asdict(done.avoided[part]) for part in PARTS},
        "control": {name: _control(done, name) for name in (profile, *OTHERS)},
        "judge_diff": changed.diff,
    }


def _control(done: Workload, profile: str) -> Json:
    """Every variant at the prices of a profile of the shipped file."""
    environ = {"SWITCHYARD_MODELS": profile}
    config = load_models(ROOT / "config" / "models.yaml", environ, keys=False)
    frontier = frontier_of(config)
    assert frontier is not None, "a vendor's models have prices"
    return {
        "frontier": frontier.id,
        "frontier_dollars_a_million": price(frontier),
        "variants": {name: calculated(done, by, frontier) for name, by in variants(config).items()},
    }


def tell(figures: Json) -> None:
    """The calculation and the shares."""
    control = figures["control"][figures["profile"]]
    columns = ["part", "calls", "prompt", "completion", "deployment", "dollars_a_million"]
    money = ["dollars", "frontier_dollars", "one_model_for_all_dollars"]
    rows = [
        [row[name] for name in (*columns, *money)]
        for row in control["variants"]["as shipped"]["rows"]
    ]
    said = ["calls", "in", "out", "deployment", "$ a million", "$ here", "$ there", "$ for all"]
    show(
        f"As recorded: tokens times prices, here and on {control['frontier']}"
        f" ({control['frontier_dollars_a_million']})",
        ["part", *said],
        rows,
    )
    show(
        f"Saved on routing, planning and judging; goal {GOAL:.0%}",
        ["profile", "variant", "same calls", "one model for all"],
        [
            [
                profile,
                name,
                *(part[way]["saved_share"] for way in ("same_calls", "one_model_for_all")),
            ]
            for profile, found in figures["control"].items()
            for name, part in found["variants"].items()
        ],
    )


def main() -> None:
    """Measure, show, and keep the figures."""
    parser = argparse.ArgumentParser(description="What tiering saves on a recorded workload.")
    parser.add_argument("--small", action="store_true", help="20 runs in place of 200")
    given = parser.parse_args()
    figures = asyncio.run(measure("anthropic", small=given.small))
    tell(figures)
    progress(f"written to {write('cost', figures, small=given.small)}")


if __name__ == "__main__":
    main()
