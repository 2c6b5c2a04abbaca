"""Ceilings of money and tokens that hold under parallel calls: reserve before, settle after.

A reservation is a conditional UPDATE of each scope and a row of its own in one transaction: two
callers can never both take the last dollar, and what a dead process left behind can be found.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from functools import partial

from sqlalchemy import ColumnElement, Connection, bindparam, select, update

from ledger import budget_rows
from ledger.budget_rows import Budget, Reservation
from ledger.ceilings import DAY, Amount, Ceiling, Standing
from ledger.driver import Cursor
from ledger.repository import Repository, Statement, Step, keep
from ledger.schema import budgets, reservations
from runtime.errors import LedgerUnavailable
from runtime.finish import finished

__all__ = ["Amount", "Budget", "Budgets", "Ceiling", "Reservation", "Standing"]

_r = reservations.c
_OPEN = _r.forfeited_at.is_(None)
_FORFEIT = (
    update(reservations)
    .where(_r.id == bindparam("of"))
    .values(dollars=bindparam("dollars"), forfeited_at=bindparam("now"))
)
_BY_SCOPE = select(budgets).where(budgets.c.scope == bindparam("of"))


class Budgets(Repository):
    """Ceilings by scope: a run's id, `RUN:TASK` for what lies below it, and days."""

    standing = Standing()
    """Ceilings of a call and of a day; set once, by who opens the ledger for model calls."""
    process: str | None = None
    """The name in `processes` by which others can tell whether this process lives."""
    _known: tuple[int, frozenset[str]] = (0, frozenset())
    """A day, and those of its scopes that have the ceilings of `standing`."""

    async def open(self, scope: str, dollars: float, tokens: int | None = None) -> None:
        """Set a ceiling; a scope that is open already keeps its own."""
        await self.open_all({scope: Ceiling(dollars=dollars, tokens=tokens)})

    async def open_all(self, ceilings: Mapping[str, Ceiling]) -> None:
        """Set the ceilings of several scopes; those that are open already keep their own."""
        rows = [
            {
                "scope": scope,
                "ceiling": ceiling.dollars,
                "token_ceiling": ceiling.tokens,
                "reserved": 0.0,
                "spent": 0.0,
            }
            for scope, ceiling in sorted(ceilings.items())
        ]
        if rows:
            await self._write((keep(self._dialect, budgets), rows))

    async def reserve(
        self,
        scopes: Sequence[str],
        amount: Amount,
        *,
        run: str = "",
        tenant: str | None = None,
        id: str = "",
    ) -> Reservation:
        """Set `amount` aside in every one of `scopes`, the widest first, or in none of them.

        Args:
            run: Whose call it is; the first scope unless it is given.
            tenant: Whose day pays as well; None for nobody's.
            id: Of the call; a new one unless it is given.

        Raises:
            BudgetExceeded: it does not fit under the ceiling of a call, or of this scope, the
                narrowest of those where it does not; or the scope has none.
            ValueError: the amount is negative, which would give room instead of taking it.
        """
        if not (amount.dollars >= 0 and amount.tokens >= 0):
            raise ValueError(f"{amount} cannot be set aside: less than nothing")
        self.standing.admit(amount)
        at = self._clock()
        days = self.standing.daily(tenant, at) if tenant is not None else {}
        held = Reservation(
            id=id or uuid.uuid4().hex,
            run=run or scopes[0],
            scopes=(*days, *scopes),
            amount=amount,
            process=self.process,
            at=at,
        )
        known = self._known[1] if self._known[0] == at // DAY else frozenset()
        fresh = {scope: ceiling for scope, ceiling in days.items() if scope not in known}

        def take(connection: Connection) -> None:
            budget_rows.take(connection, self._dialect, held, fresh)

        try:
            await self._atomic("reserve a budget", take)
        except asyncio.CancelledError:
            # Who asked is gone while the database goes on; nobody else would settle it.
            with suppress(LedgerUnavailable):
                await finished(self.settle(held, Amount()))
            raise
        if fresh:
            self._known = (int(at // DAY), known | fresh.keys())
        return held

    async def settle(self, held: Reservation, spent: Amount) -> None:
        """Give a reservation back in every one of its scopes, and book what the call really took.

        Only once: whoever settles it again changes nothing. One that was forfeited meanwhile,
        because its process was taken for dead, is put right.
        """
        await self._write(*self.settlement(held, spent))

    def settlement(self, held: Reservation, spent: Amount) -> tuple[Statement, ...]:
        """What `settle` writes, for `Ledger.commit`."""
        work = partial(budget_rows.settle, dialect=self._dialect, held=held, spent=spent)
        return (Step(writes="budgets", work=work),)

    async def forfeit(self, run: str) -> Amount:
        """Book as spent what is set aside for calls of a run, in every scope that pays for them.

        Nobody knows what became of those calls, so they are estimated upward. Only for a run that
        no process drives any more.

        Returns:
            How much it was: the worst cases of the calls.
        """
        return await self._forfeit(_r.run == run)

    async def forfeit_of(self, processes: Collection[str]) -> Amount:
        """The same for the calls of processes that are gone, whatever their runs."""
        return await self._forfeit(_r.process.in_(processes)) if processes else Amount()

    async def _forfeit(self, which: ColumnElement[bool]) -> Amount:
        query = select(reservations).where(_OPEN, which).order_by(_r.id).with_for_update()

        def work(connection: Connection) -> Amount:
            rows = connection.execute(query).mappings().all()
            found = [
                budget_rows.what_is_left(connection, budget_rows.reservation(row)) for row in rows
            ]
            now = self._clock()
            gone = [{"of": one.id, "dollars": one.amount.dollars, "now": now} for one in found]
            if gone:
                connection.execute(_FORFEIT, gone)
            sums: dict[str, Amount] = {}
            for held in found:
                for scope in set(held.scopes):
                    sums[scope] = sums.get(scope, Amount()) + held.amount
            with Cursor(connection) as cursor:
                for scope in budget_rows.in_turn(sums):
                    budget_rows.book(cursor, self._dialect, scope, sums[scope], sums[scope])
            return sum((held.amount for held in found), Amount())

        return await self._atomic("forfeit budgets", work)

    async def holders(self) -> set[str]:
        """The processes that have anything set aside."""
        query = select(_r.process).where(_OPEN, _r.process.is_not(None)).distinct()
        return {row["process"] for row in await self._all(query)}

    async def unsettled(self, run: str = "") -> list[Reservation]:
        """What is set aside, and what was forfeited, for calls of one run or of all."""
        query = select(reservations).order_by(_r.at, _r.id)
        rows = await self._all(query.where(_r.run == run) if run else query)
        return [budget_rows.reservation(row) for row in rows]

    async def get(self, scope: str) -> Budget | None:
        """A budget as it is now; None for a scope that nobody opened."""
        row = await self._first(_BY_SCOPE, {"of": scope})
        return budget_rows.budget(row) if row else None

    async def today(self, tenant: str) -> list[Budget]:
        """The budgets of this day that a tenant's calls are paid from, the widest first.

        A day that nothing was taken from yet is not among them.
        """
        days = self.standing.daily(tenant, self._clock())
        found = [await self.get(scope) for scope in days]
        return [one for one in found if one is not None]
