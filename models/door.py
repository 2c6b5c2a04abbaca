"""What every call passes, chat or embedding: the boundary before it, the books around it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import uuid4

from ledger.store import Ledger
from models import boundary, usage
from models.config import ModelsConfig
from models.deployment import Deployment, Tier
from models.outage import Outage
from models.usage import Usage
from runtime.canonical import Json
from runtime.context import RunContext
from runtime.errors import ModelFault, SwitchyardError
from runtime.labels import Label


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of a tier, whatever number of attempts it takes."""

    tier: Tier
    context: RunContext
    label: Label
    deployments: tuple[Deployment, ...]
    """Cleared, in the order in which they are tried."""
    avoided: bool
    down: set[str] = field(default_factory=set)
    """Deployments that failed during this call."""


@dataclass(slots=True, kw_only=True)
class Bill:
    """One attempt: what is set aside for it, and what became of it."""

    id: str
    deployment: Deployment
    prompt: int
    """Tokens, estimated upward."""
    completion: int
    """The most tokens that may come back."""
    request: Json
    usage: Usage | None = None
    """As reported by the provider, once it has answered."""
    answer: Json = None
    outcome: str = "ok"

    @property
    def reserved(self) -> float:
        return usage.worst(self.deployment, self.prompt, self.completion)

    @property
    def settled(self) -> Usage:
        return usage.settled(
            self.usage, prompt=self.prompt, completion=self.completion, said=self.answer
        )

    @property
    def cost(self) -> float:
        return usage.cost(self.deployment, self.settled)


class Door:
    """The boundary and the books, shared by all tiers of one configuration."""

    def __init__(
        self, config: ModelsConfig, ledger: Ledger, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._config = config
        self._ledger = ledger
        self._clock = clock
        self.mask: Callable[[Json], Json] | None = None
        """Takes secrets out of what a model says, before anybody has it."""

    async def begin(self, tier: Tier, context: RunContext, avoid: frozenset[str]) -> Call:
        """Choose what may serve a call, by the run's label as it is now.

        Raises:
            BoundaryBreach: nothing in the tier is cleared for it. No connection was opened.
        """
        label = await self._ledger.runs.label(context.run)
        cleared = boundary.clear(
            tier, self._config.tier(tier), label, avoid, self._config.deployments
        )
        return Call(
            tier=tier,
            context=context,
            label=label,
            deployments=cleared.deployments,
            avoided=cleared.avoided,
        )

    @asynccontextmanager
    async def paid(
        self, call: Call, deployment: Deployment, *, prompt: int, completion: int, request: Json
    ) -> AsyncIterator[Bill]:
        """Reserve the worst case before an attempt; settle and record it after, however it ends.

        Raises:
            BudgetExceeded: the worst case does not fit into one of the budgets of the context;
                nothing was sent.
        """
        bill = Bill(
            id=uuid4().hex,
            deployment=deployment,
            prompt=prompt,
            completion=completion,
            request=request,
        )
        await self._ledger.budgets.reserve(call.context.budgets, bill.reserved)
        started = self._clock()
        cost = bill.reserved
        try:
            yield bill
            cost = bill.cost
        except ModelFault as fault:
            bill.outcome, cost = fault.fault, bill.cost
            raise
        except Outage as outage:
            bill.outcome = outage.fault
            cost = bill.reserved if outage.billed else 0.0
            raise
        except SwitchyardError as error:
            # Ours are raised before anything is sent.
            bill.outcome, cost = type(error).__name__, 0.0
            raise
        except BaseException:
            bill.outcome = "cancelled"
            raise
        finally:
            await self._close(call, bill, cost, self._clock() - started)

    async def _close(self, call: Call, bill: Bill, cost: float, seconds: float) -> None:
        answered = bill.answer is not None
        counted = bill.settled if answered or cost else Usage()
        ledger, context = self._ledger, call.context
        entry = ledger.spend.entry(
            bill.id,
            context,
            tier=call.tier,
            deployment=bill.deployment.id,
            model=bill.deployment.model,
            prompt_tokens=counted.prompt,
            completion_tokens=counted.completion,
            cost=cost,
            outcome=bill.outcome,
            seconds=seconds,
        )
        response = {"outcome": bill.outcome, "answer": bill.answer}
        # The run's own rows last: on PostgreSQL other calls of the run wait for them.
        await ledger.commit(
            *ledger.exchanges.entry(context.run, context.task, "model", bill.request, response),
            *entry,
            *ledger.budgets.settlement(context.budgets, bill.reserved, cost),
        )
