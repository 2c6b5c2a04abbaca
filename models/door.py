"""What every call passes, chat or embedding: the boundary before it, the books around it."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TypeVar
from uuid import uuid4

from ledger.budget import Amount, Reservation
from ledger.repository import Statement
from ledger.store import Ledger
from models import boundary, usage, weights
from models.boundary import LabelRose
from models.config import ModelsConfig
from models.deployment import Deployment, Tier
from models.outage import Outage
from models.retry import Retry
from models.usage import Usage
from runtime.canonical import Json
from runtime.context import RunContext
from runtime.errors import BoundaryBreach, ModelFault, SwitchyardError
from runtime.labels import Label, highest

T = TypeVar("T")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of a tier, whatever number of attempts it takes."""

    tier: Tier
    context: RunContext
    label: Label
    deployments: tuple[Deployment, ...]
    """Cleared, in the order in which they are tried."""
    avoided: bool
    avoid: frozenset[str] = frozenset()
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
    recalled: bool = False
    """The answer was given before; nobody was asked."""

    @property
    def reserved(self) -> Amount:
        return usage.worst(self.deployment, self.prompt, self.completion)

    @property
    def settled(self) -> Usage:
        """What the call took, as far as anybody can tell; all of it without an answer."""
        if self.recalled:
            return Usage()
        if self.answer is None:
            return Usage(prompt=self.prompt, completion=self.completion, reported=False)
        return usage.settled(
            self.usage, prompt=self.prompt, completion=self.completion, said=self.answer
        )

    @property
    def spent(self) -> Amount:
        """The same as it is booked."""
        counted = self.settled
        if not counted.reported:
            return self.reserved
        dollars = usage.cost(self.deployment, counted)
        return Amount(dollars=dollars, tokens=counted.prompt + counted.completion)

    @property
    def cost(self) -> float:
        return self.spent.dollars


class Door:
    """The boundary and the books, shared by all tiers of one configuration."""

    def __init__(
        self, config: ModelsConfig, ledger: Ledger, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._config = config
        self._ledger = ledger
        self._clock = clock
        self.retry = Retry(config.patience, clock)
        self.mask: Callable[[Json], Json] | None = None
        """Takes secrets out of what a model says, before anybody has it."""

    async def _still(self, call: Call, deployment: Deployment) -> None:
        """Whether the choice holds, by the label as it is before each attempt.

        Raises:
            LabelRose: it does not; nothing was sent.
        """
        label = await self.label(call.context.run)
        if label.rank > call.label.rank and not deployment.cleared_for.permits(label):
            raise LabelRose(label.value, deployment.id, deployment.cleared_for.value)

    @property
    def ledger(self) -> Ledger:
        """Where everything is booked."""
        return self._ledger

    async def begin(self, tier: Tier, context: RunContext, avoid: frozenset[str]) -> Call:
        """Choose what may serve a call, by the run's label as it is now.

        Raises:
            BoundaryBreach: nothing in the tier is cleared for it. No connection was opened.
        """
        label = highest(await self.label(context.run), context.label)
        cleared = boundary.clear(
            tier, self._config.tier(tier), label, avoid, self._config.deployments
        )
        return Call(
            tier=tier,
            context=context,
            label=label,
            deployments=weights.drawn(cleared.deployments, context),
            avoided=cleared.avoided,
            avoid=avoid,
        )

    async def label(self, run: str) -> Label:
        """The run's label as it is now."""
        return await self._ledger.runs.label(run)

    async def bounded(self, call: Call, work: Callable[[Call], Awaitable[T]]) -> T:
        """What `work` gives, begun anew with what is still cleared whenever the label rises.

        Raises:
            BoundaryBreach: nothing in the tier is cleared any more.
        """
        while True:
            try:
                return await work(call)
            except LabelRose:
                again = await self.begin(call.tier, call.context, call.avoid)
                call = replace(again, down=call.down)

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
        context = call.context
        await self._ledger.later.flush()
        held = await self._ledger.budgets.reserve(
            context.budgets, bill.reserved, run=context.run, tenant=context.tenant, id=bill.id
        )
        started = self._clock()
        sent = True
        try:
            await self._still(call, deployment)
            yield bill
        except ModelFault as fault:
            bill.outcome = fault.fault
            raise
        except Outage as outage:
            bill.outcome, sent = outage.fault, outage.billed
            raise
        except SwitchyardError as error:
            # Ours are raised before anything is sent, but for one about a second request.
            before = isinstance(error, BoundaryBreach) and error.sent
            bill.outcome, sent = type(error).__name__, before or bill.answer is not None
            raise
        except BaseException:
            bill.outcome = "cancelled"
            raise
        finally:
            await self._close(call, bill, held, self._clock() - started, sent=sent)

    async def _close(
        self, call: Call, bill: Bill, held: Reservation, seconds: float, *, sent: bool
    ) -> None:
        counted, spent = (bill.settled, bill.spent) if sent else (Usage(), Amount())
        if spent.beyond(held.amount) != Amount():
            _log.warning("%s billed %s, and %s was set aside", bill.deployment.id, spent, held)
        ledger = self._ledger
        # The run's own rows last: on PostgreSQL other calls of the run wait for them.
        await ledger.later.book(
            bill.id,
            *self._entries(call, bill, counted, spent.dollars, seconds),
            *ledger.budgets.settlement(held, spent),
        )

    async def recalled(
        self, call: Call, deployment: Deployment, *, request: Json, answer: Json
    ) -> Bill:
        """Record an answer that was given before: a call that cost nothing."""
        bill = Bill(
            id=uuid4().hex,
            deployment=deployment,
            prompt=0,
            completion=0,
            request=request,
            answer=answer,
            outcome="cached",
            recalled=True,
        )
        await self._ledger.commit(*self._entries(call, bill, Usage(), 0.0, 0.0))
        return bill

    def _entries(
        self, call: Call, bill: Bill, counted: Usage, dollars: float, seconds: float
    ) -> tuple[Statement, ...]:
        """What an attempt writes besides its settlement."""
        ledger, context = self._ledger, call.context
        response = {"outcome": bill.outcome, "answer": bill.answer}
        return (
            *ledger.exchanges.entry(context.run, context.task, "model", bill.request, response),
            *ledger.spend.entry(
                bill.id,
                context,
                tier=call.tier,
                deployment=bill.deployment.id,
                model=bill.deployment.model,
                prompt_tokens=counted.prompt,
                completion_tokens=counted.completion,
                cache_read=counted.cache_read,
                cache_creation=counted.cache_creation,
                cost=dollars,
                outcome=bill.outcome,
                seconds=seconds,
            ),
        )
