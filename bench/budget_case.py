"""One case of `make bench-budget`: processes that call a model under one ceiling, some killed, and
what ledger and provider say of it afterwards.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from bench.budget_provider import configuration, provide, words, worst
from bench.forked import Child, Tell, fork, in_child, sleep_until
from bench.report import progress
from graphs.holding import open_holding
from ledger.budget import Budget, Ceiling, Standing
from ledger.store import Ledger, open_ledger
from models.config import ModelsConfig
from models.tiers import Models, open_models
from runtime.canonical import Json
from runtime.context import RunContext
from runtime.errors import BudgetExceeded
from runtime.labels import Label

Unit = Literal["dollars", "tokens"]
TENANT = "acme"
_LONGEST_PAUSE = 3.0
_PLENTY = 1_000_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """So many parallel calls of several processes under one ceiling."""

    name: str
    unit: Unit
    processes: int
    kills: int = 0
    daily: bool = False
    """The ceiling is that of a tenant's day, and every process has a run of its own."""
    postgres: bool = False
    calls: int = 500
    fits: int = 100
    """So many worst cases fit under the ceiling."""
    tries: int = 8
    """How often a caller asks before it gives up, while others settle."""

    def run_of(self, place: int) -> str:
        return f"r{place}" if self.daily else "r"

    @property
    def ceiling(self) -> Ceiling:
        """What may be spent in all."""
        dollars, tokens = worst().dollars * self.fits, worst().tokens * self.fits
        return Ceiling(dollars=dollars) if self.unit == "dollars" else Ceiling(tokens=tokens)

    @property
    def allowed(self) -> float:
        """The ceiling as a number of its unit."""
        return self.ceiling.dollars if self.unit == "dollars" else float(self.ceiling.tokens or 0)


async def _open(ledger: Ledger, case: Case) -> None:
    """The runs, and the ceiling where it belongs."""
    for place in range(case.processes if case.daily else 1):
        run = case.run_of(place)
        await ledger.runs.start(
            run,
            thread="",
            request="?",
            tenant=TENANT,
            user="ann",
            label=Label.public,
            docs="",
        )
        ceiling = Ceiling(dollars=_PLENTY) if case.daily else case.ceiling
        await ledger.budgets.open_all({run: ceiling, f"{run}:d1": Ceiling(dollars=_PLENTY)})


def _standing(case: Case) -> Standing:
    return Standing(tenants={TENANT: case.ceiling}) if case.daily else Standing()


async def _scopes(ledger: Ledger, case: Case) -> list[Budget]:
    """What is spent and set aside under the ceiling."""
    found = await ledger.budgets.today(TENANT) if case.daily else [await ledger.budgets.get("r")]
    return [one for one in found if one is not None]


def call(case: Case, url: str, config: ModelsConfig, place: int, turn: int) -> Child:
    """A process that makes its share of the calls, all at once, and tells what came of them."""

    async def live(tell: Tell) -> None:
        async with AsyncExitStack() as stack:
            ledger = await stack.enter_async_context(open_ledger(url))
            ledger.budgets.standing = _standing(case)
            models = await stack.enter_async_context(open_models(config, ledger))
            await stack.enter_async_context(open_holding(ledger, "bench"))
            await models.warm()
            tell("open")
            watched = asyncio.create_task(_watch(ledger, case))
            run = case.run_of(place)
            context = RunContext(run=run, tenant=TENANT, task="d1", scopes=(f"{run}:d1",))
            share = case.calls // case.processes
            keys = [f"{place}.{turn}.{number}" for number in range(share)]
            ended = await asyncio.gather(*(_call(models, context, key, case.tries) for key in keys))
            watched.cancel()
            (peak,) = await asyncio.gather(watched)
            tell({"answered": sum(ended), "refused": len(ended) - sum(ended), "peak": peak})

    return fork(live)


async def _call(models: Models, context: RunContext, key: str, tries: int) -> bool:
    """Whether it was answered, now or after another try."""
    chat = models.chat("work", replace(context, task=f"d1/{key}"))
    for turn in range(tries):
        try:
            await chat.ainvoke(words(key))
        except BudgetExceeded:
            await asyncio.sleep(random.uniform(0.5, 1.0) * min(_LONGEST_PAUSE, 0.1 * 2**turn))
        else:
            return True
    return False


async def _watch(ledger: Ledger, case: Case) -> float:
    """The most that was spent and set aside at any instant that was looked at."""
    peak = 0.0
    try:
        while True:
            for found in await _scopes(ledger, case):
                money = found.reserved + found.spent
                tokens = found.reserved_tokens + found.spent_tokens
                peak = max(peak, money if case.unit == "dollars" else tokens)
            await asyncio.sleep(0.01)
    except asyncio.CancelledError:
        return peak


def carry_out(case: Case, folder: Path, url: str, seed: int) -> Json:
    """Run a case in processes of its own; everything that ledger and provider say afterwards."""

    async def begin(tell: Tell) -> None:
        async with open_ledger(url) as ledger:
            await _open(ledger, case)
        tell("open")

    in_child(begin)
    provider = provide(seed)
    try:
        config = configuration(folder, str(provider.told()))
        killed, told = _live_and_die(case, url, config, random.Random(seed))
        os.kill(provider.pid, signal.SIGTERM)
        counts = provider.told()
    except BaseException:
        provider.kill()
        raise
    provider.end()

    async def read(tell: Tell) -> None:
        async with open_ledger(url) as ledger:
            ledger.budgets.standing = _standing(case)
            # As the next process that starts does: what the dead have left is found.
            async with open_holding(ledger, "bench"):
                tell(await _books(ledger, case))

    return {"told": told, "killed": killed, "counts": counts, "books": in_child(read)}


def _live_and_die(
    case: Case, url: str, config: ModelsConfig, chance: random.Random
) -> tuple[int, list[Json]]:
    """How many were killed, and what the others told. Each that dies is followed by another."""
    workers = [call(case, url, config, place, 0) for place in range(case.processes)]
    try:
        for worker in workers:
            worker.told()
        for turn in range(1, case.kills + 1):
            # Any instant will do: many lie in the middle of a call.
            sleep_until(time.monotonic() + chance.uniform(0.2, 1.2))
            place = chance.randrange(case.processes)
            workers[place].kill()
            workers[place] = call(case, url, config, place, turn)
            workers[place].told()
        told = [worker.told() for worker in workers]
    except BaseException:
        for worker in workers:
            worker.kill()
        raise
    for worker in workers:
        worker.end()
    progress(f"{case.name}: {case.kills} killed, {sum(one['answered'] for one in told)} answered")
    return case.kills, told


async def _books(ledger: Ledger, case: Case) -> Json:
    runs: Sequence[str] = [case.run_of(place) for place in range(case.processes)]
    rows = [row for run in dict.fromkeys(runs) for row in await ledger.spend.of_run(run)]
    unsettled = await ledger.budgets.unsettled()
    (scope,) = await _scopes(ledger, case)
    return {
        "reserved": [scope.reserved, scope.reserved_tokens],
        "spent": [scope.spent, scope.spent_tokens],
        "overshot": [scope.overshot, scope.overshot_tokens],
        "rows": {
            row.task.removeprefix("d1/"): [row.prompt_tokens, row.completion_tokens, row.cost]
            for row in rows
            if row.outcome == "ok"
        },
        "others": [row.outcome for row in rows if row.outcome != "ok"],
        "forfeited": [
            [one.amount.dollars, one.amount.tokens] for one in unsettled if one.forfeited_at
        ],
        "open": sum(one.forfeited_at is None for one in unsettled),
    }
