"""Calls models by our door, for `bench/models.py`: boundary, budgets, checks and ledger are on.

The argument is the provider's address.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path

from bench.model_prompts import MAX_TOKENS, PRICE, TOOLS, Kind, answer, messages
from ledger.budget import Ceiling, Standing
from ledger.store import Ledger, open_ledger
from models.config import load_models
from models.tiers import Models, open_models
from runtime.context import RunContext
from runtime.labels import Label

_ENTRY = """
- model_name: {tier}
  litellm_params: {{model: {model}, api_base: "{base}", api_key: none, max_tokens: {most}}}
  model_info:
    id: {tier}
    cleared_for: internal
    input_cost_per_token: {price:.9f}
    output_cost_per_token: {dearer:.9f}
    max_input_tokens: 200000
"""

_MOST = Ceiling(dollars=1e6, tokens=10**12)


@asynccontextmanager
async def opened(address: str, folder: Path) -> AsyncIterator[tuple[Models, Ledger, RunContext]]:
    """The door over a ledger of its own, with ceilings of calls and days, and a context."""
    entries = [
        _ENTRY.format(
            tier=tier,
            model="openai/scripted",
            base=address,
            most=MAX_TOKENS,
            price=PRICE,
            dearer=2 * PRICE,
        )
        for tier in ("route", "plan", "work", "judge", "embed")
    ]
    file = folder / "models.yaml"
    file.write_text("model_list:" + "".join(entries))
    context = RunContext(
        run="bench", specialist="bench", task="d1/look", tenant="local", user="local"
    )
    async with open_ledger(f"sqlite:///{folder / 'ledger.sqlite'}") as ledger:
        ledger.budgets.standing = Standing(call=_MOST, day=_MOST, tenant=_MOST)
        async with open_models(load_models(file), ledger) as models:
            await models.warm()
            yield models, ledger, context


async def begin(ledger: Ledger, context: RunContext) -> None:
    """Record the context's run, and open a ceiling for everything below it."""
    await ledger.runs.start(
        context.run,
        thread="",
        request="bench",
        tenant=context.tenant,
        user=context.user,
        label=Label.internal,
        docs="",
    )
    await ledger.budgets.open_all(dict.fromkeys(context.budgets, _MOST))


async def main() -> None:
    """Answer until the input ends."""
    with tempfile.TemporaryDirectory() as folder:
        async with opened(sys.argv[1], Path(folder)) as (models, ledger, context):
            await begin(ledger, context)

            async def ours(kind: Kind, number: int) -> object:
                # As a task does it: the tier is asked for, then called.
                chat = models.chat("work", context)
                asked = messages(kind, number)
                if kind == "stream":
                    return [chunk async for chunk in chat.astream(asked)]
                if kind == "tools":
                    return await chat.bind(tools=TOOLS).ainvoke(asked)
                return await chat.ainvoke(asked)

            names = ("litellm", "langchain-litellm")
            await answer({"ours": ours}, versions={name: version(name) for name in names})


if __name__ == "__main__":
    asyncio.run(main())
