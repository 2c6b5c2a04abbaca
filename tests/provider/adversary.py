"""A model that misbehaves in named ways, as often as asked, always the same for the same request.
What stands against it stands against a model's mistakes, not against its call order."""

from __future__ import annotations

import enum
import random
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

from tests.provider import bad_calls, bad_output, bad_plans
from tests.provider.brain import SeededBrain
from tests.provider.exchange import Brain, Exchange, Reply
from tests.provider.faults import Fault
from tests.provider.material import Material
from tests.provider.scene import Scene


class Mischief(enum.StrEnum):
    INVENTED_TOOL = "invented tool"
    WRONG_ARGUMENTS = "wrong arguments"
    MISSING_ARGUMENTS = "missing arguments"
    REPEATED_CALL = "repeated call"
    PLAN_CYCLE = "plan with a cycle"
    PLAN_UNKNOWN_DEPENDENCY = "plan with an unknown dependency"
    PLAN_DUPLICATE_IDS = "plan with duplicate ids"
    PLAN_UNKNOWN_TOOLS = "plan with unknown tools"
    PLAN_TOO_MANY_TASKS = "plan with too many tasks"
    PARTIAL_OUTPUT = "partial output"
    WRONG_TYPES = "wrong types"
    PROSE_AROUND_JSON = "prose around json"
    UNKNOWN_CHOICE = "unknown choice"
    CLAIM_WITHOUT_EVIDENCE = "claim without evidence"
    INJECTION = "injection"
    EMPTY = "empty"


COMMIT: Mapping[Mischief, Callable[[Scene], Reply | None]] = {
    Mischief.INVENTED_TOOL: bad_calls.invented_tool,
    Mischief.WRONG_ARGUMENTS: bad_calls.wrong_arguments,
    Mischief.MISSING_ARGUMENTS: bad_calls.missing_arguments,
    Mischief.REPEATED_CALL: bad_calls.repeated_call,
    Mischief.PLAN_CYCLE: bad_plans.cycle,
    Mischief.PLAN_UNKNOWN_DEPENDENCY: bad_plans.unknown_dependency,
    Mischief.PLAN_DUPLICATE_IDS: bad_plans.duplicate_ids,
    Mischief.PLAN_UNKNOWN_TOOLS: bad_plans.unknown_tools,
    Mischief.PLAN_TOO_MANY_TASKS: bad_plans.too_many_tasks,
    Mischief.PARTIAL_OUTPUT: bad_output.partial_output,
    Mischief.WRONG_TYPES: bad_output.wrong_types,
    Mischief.PROSE_AROUND_JSON: bad_output.prose_around_json,
    Mischief.UNKNOWN_CHOICE: bad_output.unknown_choice,
    Mischief.CLAIM_WITHOUT_EVIDENCE: bad_output.claim_without_evidence,
    Mischief.INJECTION: bad_output.injection,
    Mischief.EMPTY: bad_output.empty,
}


class AdversarialBrain:
    """With probability `rate` commits one of the mischiefs that the request leaves room for, else
    answers like `inner`. Replies carry the name of the mischief as their note."""

    def __init__(
        self,
        seed: int,
        *,
        mischief: Collection[Mischief] = tuple(Mischief),
        rate: float = 1.0,
        inner: Brain | None = None,
    ) -> None:
        self._seed = seed
        self._allowed = [each for each in Mischief if each in mischief]
        self._rate = rate
        self._inner = inner or SeededBrain(seed)

    def reply(self, exchange: Exchange) -> Reply | Fault:
        rng = random.Random(f"{self._seed}:mischief:{exchange.digest}")
        scene = Scene(exchange=exchange, material=Material.of(exchange), rng=rng)
        order = rng.sample(self._allowed, len(self._allowed))
        if Mischief.REPEATED_CALL in order and bad_calls.is_repeating(scene):
            # Who has begun to repeat does not stop, or the repetition would not be endless.
            order = [Mischief.REPEATED_CALL]
        elif rng.random() >= self._rate:
            order = []
        for mischief in order:
            if reply := COMMIT[mischief](scene):
                return replace(reply, note=mischief.value)
        return self._inner.reply(exchange)
