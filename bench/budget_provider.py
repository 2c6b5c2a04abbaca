"""The provider of `make bench-budget`, and what a call of it takes at most.

It lives in a process of its own, survives, and counts the tokens of every answer that it gives,
also to those who are dead by then.
"""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

from bench.forked import Child, Tell, fork
from ledger.budget import Amount
from models import usage
from models.config import ModelsConfig, load_models
from tests.provider.exchange import Exchange, Reply, Usage
from tests.provider.latency import Latency
from tests.provider.script import Script, When
from tests.provider.server import ScriptedProvider

LONGEST = 60
"""`max_tokens` of a call; the provider takes 20 to 60."""
PRICES = (0.000_01, 0.000_02)
"""US dollars of a token of the prompt, and of the answer."""
_OTHERS = ("route", "plan", "judge", "embed")


def words(key: str) -> str:
    """What a call asks. Every one has the same length, so that every worst case is the same."""
    return f"Say something about {key:>12}"


def worst() -> Amount:
    """What is set aside for a call."""
    prompt = usage.estimate_prompt([{"role": "user", "content": words("")}], None)
    return Amount(
        dollars=prompt * PRICES[0] + LONGEST * PRICES[1],
        tokens=prompt + LONGEST,
    )


def configuration(folder: Path, base: str) -> ModelsConfig:
    """One priced deployment for tier `work`; the other tiers are offline."""

    def entry(tier: str, model: str, share: float, rest: str = "") -> str:
        prompt, answer = (share * one for one in PRICES)
        return (
            f"  - model_name: {tier}\n"
            f"    litellm_params: {{model: {model}, timeout: 60, max_tokens: {LONGEST}{rest}}}\n"
            f"    model_info: {{id: {tier}, cleared_for: internal, max_input_tokens: 100000,"
            f" input_cost_per_token: {prompt:.6f}, output_cost_per_token: {answer:.6f}}}\n"
        )

    served = f", api_base: {base}, api_key: scripted"
    entries = [entry("work", "openai/scripted", 1.0, served)]
    entries += [entry(tier, "offline/extract", 0.0) for tier in _OTHERS]
    file = folder / "models.yaml"
    file.write_text("model_list:\n" + "".join(entries))
    return load_models(file, {})


def provide(seed: int) -> Child:
    """A provider in a process of its own: it tells its address, and at the end what it counted."""

    async def live(tell: Tell) -> None:
        counts: dict[str, list[int]] = {}

        def said(exchange: Exchange) -> Reply:
            text = exchange.last.text
            key = text.split()[-1]
            # Its own way of counting, which differs from ours and from call to call.
            used = Usage(prompt=len(text) // 3, completion=20 + sum(map(ord, key)) % 41)
            counts[key] = [used.prompt, used.completion]
            return Reply(text="Something was said.", usage=used)

        over = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
        latency = Latency(median=0.3, sigma=0.5, seed=seed, longest=2.0)
        with ScriptedProvider(Script(When(lambda _: True, said)), latency=latency) as provider:
            tell(provider.openai_base)
            await over.wait()
        tell(counts)

    return fork(live)
