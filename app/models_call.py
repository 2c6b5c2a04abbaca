"""`switchyard models test`: one real, tiny call to each deployment, through the ordinary door.

Boundary, budget, checks and ledger are those of any other call; it has a run of its own.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic

from agents.limits import load_limits
from graphs.paying import paying_run
from ledger.store import Ledger, open_ledger
from models.config import ModelsConfig, load_models
from models.deployment import TIERS, Deployment
from models.recalling import Recalling
from models.tiers import open_models
from runtime.context import RunContext
from runtime.errors import SwitchyardError, UserError
from runtime.labels import Label
from runtime.settings import Settings

_ASKED = "Answer with one word: ready"
_ANSWER = 1024
"""Tokens that an answer may have: few, but enough for a model that thinks before it says a word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """What came of the call of one deployment."""

    tier: str
    id: str
    model: str
    outcome: str
    """`ok`, or the fault's short name."""
    told: str
    """What went wrong, in words; empty where nothing did."""
    seconds: float
    prompt_tokens: int
    completion_tokens: int
    cost: float
    """US dollars."""


async def call_each(settings: Settings, target: str = "") -> tuple[str, list[Tested]]:
    """Call each deployment of the active profile, or those of a tier, or one of them.

    Returns:
        The id of the run that paid, and what came of each call, in the order of the tiers.

    Raises:
        ConfigError: the configuration is wrong, or a key is missing.
        UserError: `target` is neither a tier nor the id of a deployment.
    """
    config = load_models(settings.config / "models.yaml")
    chosen = _chosen(config, target)
    limits = load_limits(settings.config / "limits.yaml")
    run = f"models-{uuid.uuid4()}"
    async with (
        open_ledger(settings.ledger) as ledger,
        paying_run(
            ledger,
            limits,
            run,
            request="One small call to each model",
            done="Each of them answered.",
            # It says nothing of anybody, so every deployment is cleared for it.
            label=Label.public,
        ),
    ):
        tested = [await _tested(config, ledger, run, one) for one in chosen]
        if any(one.outcome != "ok" for one in tested):
            said = ", ".join(f"{one.id}: {one.outcome}" for one in tested)
            await ledger.runs.finish(run, "failed", {"text": said})
    return run, tested


def _chosen(config: ModelsConfig, target: str) -> Sequence[Deployment]:
    ordered = sorted(config.deployments, key=lambda one: (TIERS.index(one.tier), one.order))
    found = [one for one in ordered if target in ("", one.tier, one.id)]
    if not found:
        raise UserError(
            f"There is no tier and no deployment {target!r} in profile {config.profile!r}.",
            remedy=f"Use one of: {', '.join([*TIERS, *(one.id for one in ordered)])}.",
        )
    return found


async def _tested(config: ModelsConfig, ledger: Ledger, run: str, deployment: Deployment) -> Tested:
    # Alone in its profile: no other deployment can answer for it, nor can what it said before.
    alone = config.model_copy(
        update={"profiles": {config.profile: (deployment,)}, "cache": Recalling()}
    )
    context = RunContext(
        run=run, label=Label.public, specialist="models-test", task=f"test/{deployment.id}"
    )
    told = ""
    async with open_models(alone, ledger) as models:
        # What loading takes is not the model's time.
        await models.warm()
        began = monotonic()
        try:
            if deployment.tier == "embed":
                await models.embed([_ASKED], context)
            else:
                limit = min(_ANSWER, deployment.max_tokens)
                await models.chat(deployment.tier, context).ainvoke(_ASKED, max_tokens=limit)
        except SwitchyardError as error:
            told = error.message
        seconds = monotonic() - began
    rows = [one for one in await ledger.spend.of_run(run) if one.task == context.task]
    last = rows[-1].outcome if rows else "not_sent"
    return Tested(
        tier=deployment.tier,
        id=deployment.id,
        model=deployment.model,
        outcome=last if not told or last != "ok" else "failed",
        told=told,
        seconds=seconds,
        prompt_tokens=sum(one.prompt_tokens for one in rows),
        completion_tokens=sum(one.completion_tokens for one in rows),
        cost=sum(one.cost for one in rows),
    )
