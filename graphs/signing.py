"""A person signs a plan: as it is, with edits that are checked like any other plan, or not."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from itertools import count

from pydantic import ValidationError

from agents.spec import Specialist
from graphs.approval import ask_decision
from graphs.authority import authority_of
from graphs.costs import estimate_of, objection
from graphs.planning import faults
from graphs.plans import announce, keep_plan
from graphs.services import Services
from graphs.state import Job
from harness.check import too_many
from harness.merge import merged
from harness.plan import Plan
from runtime.canonical import Json, digest

_SIGNED = "person: "


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """The plan to execute; None when it was refused."""

    plan: Json
    by: str


async def sign(
    services: Services, job: Job, specialist: Specialist, inputs: dict[str, Json], drawn: Plan
) -> Signed:
    """Ask until a sound plan is signed or one is refused.

    An edited plan with problems is put to the person again, with the problems.
    """
    recorded = await services.ledger.tasks.plan(job["run"], job["task"])
    if recorded and (recorded.drawn_by or "").startswith(_SIGNED):
        # The process was cut off after the edited plan was kept.
        return Signed(plan=recorded.plan, by=str(recorded.drawn_by).removeprefix(_SIGNED))
    present: Json = drawn.model_dump(by_alias=True, mode="json")
    problems: tuple[str, ...] = ()
    for round in count():
        id = "a-" + digest([job["run"], job["task"], present, round])[:24]
        asked = await services.ledger.approvals.ask(
            id,
            run=job["run"],
            task=job["task"],
            kind="plan",
            question={
                "specialist": specialist.name,
                "plan": present,
                **({"problems": list(problems)} if problems else {}),
            },
        )
        said = await ask_decision(services.ledger, asked)
        await services.ledger.approvals.answer(id, said.kind, by=said.by)
        if said.kind == "refused":
            return Signed(plan=None, by=said.by)
        if said.plan is None and not problems:
            return Signed(plan=present, by=said.by)
        if said.plan is not None:
            present = said.plan
        edited, problems = await _checked(services, job, specialist, inputs, present)
        if edited is not None and not problems:
            estimated = estimate_of(services, job, inputs, edited)
            problems = await objection(services, job, estimated)
        if edited is not None and not problems:
            kept = await keep_plan(services, job, edited, drawn_by=_SIGNED + said.by)
            announce(job, edited, estimated)
            return Signed(plan=kept, by=said.by)
    raise AssertionError("the rounds do not end by themselves")


async def _checked(
    services: Services, job: Job, specialist: Specialist, inputs: dict[str, Json], given: Json
) -> tuple[Plan | None, tuple[str, ...]]:
    """The edited plan with what is wrong with it."""
    if many := too_many(given, authority_of(services, job).limits):
        return None, (many,)
    try:
        edited = merged(Plan.model_validate(given)).plan
    except ValidationError as error:
        return None, tuple(
            f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}."
            for one in error.errors()[:20]
        )
    return edited, await asyncio.to_thread(faults, services, job, specialist, inputs, edited)
