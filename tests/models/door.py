"""What the tests of the door share: a ledger with one open run, and deployments on a server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from ledger.spend import ModelCall
from ledger.store import Ledger, open_ledger
from models.config import ModelsConfig, load_models
from models.tiers import Models, open_models
from runtime.context import RunContext
from runtime.labels import Label
from tests.provider.server import ScriptedProvider

RUN = "r1"
CONTEXT = RunContext(run=RUN, task="d1/look", specialist="clerk", tenant="acme", user="ann")
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}
Opener = Callable[..., AbstractAsyncContextManager["Room"]]


class Room:
    """Models over a ledger, with what a test wants to read of it afterwards."""

    def __init__(self, models: Models, ledger: Ledger) -> None:
        self.models = models
        self.ledger = ledger

    async def calls(self) -> list[ModelCall]:
        return await self.ledger.spend.of_run(RUN)

    async def outcomes(self) -> list[tuple[str, str]]:
        return [(call.deployment, call.outcome) for call in await self.calls()]

    async def spent(self) -> tuple[float, float]:
        """Reserved and spent of the run's budget."""
        budget = await self.ledger.budgets.get(RUN)
        assert budget is not None
        return budget.reserved, budget.spent


@asynccontextmanager
async def room(
    folder: Path,
    entries: Sequence[str],
    *,
    label: Label = Label.internal,
    ceiling: float | None = 10.0,
    patience: str = "",
    cache: str = "",
) -> AsyncIterator[Room]:
    """Open models whose work tier has these entries; the other tiers are offline.

    `patience` and `cache` are written into the file as they stand, as `{call_seconds: 5}`.
    """
    config = configured(folder, entries, patience, cache)
    async with open_ledger(f"sqlite+aiosqlite:///{folder / 'ledger.sqlite'}") as ledger:
        await ledger.runs.start(
            RUN, thread="t", request="?", tenant="acme", user="ann", label=label, docs=""
        )
        if ceiling is not None:
            await ledger.budgets.open(RUN, ceiling)
        async with open_models(config, ledger) as models:
            yield Room(models, ledger)


def configured(
    folder: Path, entries: Sequence[str], patience: str = "", cache: str = ""
) -> ModelsConfig:
    offline = [
        entry(f"offline-{tier}", tier=tier, model="offline/extract", price=0.0, cleared="regulated")
        for tier in ("route", "plan", "judge", "embed")
    ]
    work = list(entries) or [
        entry("offline-work", model="offline/extract", price=0.0, cleared="regulated")
    ]
    file = folder / "models.yaml"
    head = f"patience: {patience}\n" if patience else ""
    head += f"cache: {cache}\n" if cache else ""
    file.write_text(head + "model_list:\n" + "".join([*work, *offline]))
    return load_models(file, {})


def entry(
    id: str,
    *,
    model: str,
    tier: str = "work",
    base: str = "",
    cleared: str = "internal",
    price: float = 0.000_01,
    timeout: float = 10.0,
    order: int = 1,
    max_tokens: int = 500,
    window: int = 100_000,
    weight: float | None = None,
    key: str = "test-key",
) -> str:
    """One deployment as it stands in a file. The price is that of a prompt token; an answer's
    token costs twice as much."""
    address = f"      api_base: {base}\n      api_key: {key}\n" if base else ""
    weighed = f"      weight: {weight}\n" if weight is not None else ""
    return (
        f"  - model_name: {tier}\n"
        f"    litellm_params:\n"
        f"      model: {model}\n"
        f"{address}"
        f"      timeout: {timeout}\n"
        f"      max_tokens: {max_tokens}\n"
        f"    model_info:\n"
        f"      id: {id}\n"
        f"      cleared_for: {cleared}\n"
        f"      input_cost_per_token: {price:.9f}\n"
        f"      output_cost_per_token: {2 * price:.9f}\n"
        f"      max_input_tokens: {window}\n"
        f"      order: {order}\n"
        f"{weighed}"
    )


def served(provider: ScriptedProvider, wire: str) -> tuple[str, str]:
    """Model and address of a scripted provider in a wire format."""
    return {
        "openai": ("openai/scripted", provider.openai_base),
        "anthropic": ("anthropic/claude-scripted", provider.anthropic_base),
        "gemini": ("gemini/gemini-3.8-flash", provider.gemini_base),
    }[wire]


def on(
    provider: ScriptedProvider,
    id: str,
    wire: str = "openai",
    *,
    cleared: str = "internal",
    timeout: float = 10.0,
    order: int = 1,
    max_tokens: int = 500,
    window: int = 100_000,
    weight: float | None = None,
    key: str = "test-key",
) -> str:
    """A deployment that a scripted provider serves."""
    model, base = served(provider, wire)
    return entry(
        id,
        model=model,
        base=base,
        cleared=cleared,
        timeout=timeout,
        order=order,
        max_tokens=max_tokens,
        window=window,
        weight=weight,
        key=key,
    )
