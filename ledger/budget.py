"""Money ceilings that hold under parallel calls: reserve before, settle after.

A reservation is a conditional UPDATE of each scope in one transaction, so that two callers can
never both take the last dollar, in one process or in several.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, case, func, or_, select, update

from ledger.repository import Repository, Statement, keep
from ledger.schema import budgets
from runtime.errors import BudgetExceeded

# Sums of binary fractions drift; a reservation may not fail over less than this (US dollars).
_ROUNDING = 1e-9

_b = budgets.c
_BY_SCOPE = select(budgets).where(_b.scope == bindparam("of"))
# In the order of their names: two callers that lock the same rows never wait for each other.
_LOCK = (
    select(budgets)
    .where(_b.scope.in_(bindparam("scopes", expanding=True)))
    .order_by(_b.scope)
    .with_for_update()
)
_fits = _b.reserved + _b.spent + bindparam("amount") <= _b.ceiling + _ROUNDING
_TAKE = (
    update(budgets)
    .where(_b.scope == bindparam("of"), _fits)
    .values(reserved=_b.reserved + bindparam("amount"))
)
_left = _b.reserved - bindparam("amount")
_SETTLE = (
    update(budgets)
    .where(_b.scope == bindparam("of"))
    # Not below zero: a process that was given up for dead may still settle what was forfeited.
    .values(reserved=case((_left < 0, 0.0), else_=_left), spent=_b.spent + bindparam("cost"))
)


class _DoesNotFitError(Exception):
    """Undoes a reservation that fits into some of its scopes only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """US dollars. `reserved + spent <= ceiling` at every instant."""

    scope: str
    ceiling: float
    reserved: float
    spent: float

    def fits(self, amount: float) -> bool:
        return self.reserved + self.spent + amount <= self.ceiling + _ROUNDING


class Budgets(Repository):
    """Ceilings by scope: a run's id, or `RUN:TASK` for what lies below it."""

    async def open(self, scope: str, ceiling: float) -> None:
        """Set a ceiling in US dollars; a scope that is open already keeps its own."""
        await self.open_all({scope: ceiling})

    async def open_all(self, ceilings: Mapping[str, float]) -> None:
        """Set the ceilings of several scopes; those that are open already keep their own."""
        rows = [
            {"scope": scope, "ceiling": ceiling, "reserved": 0.0, "spent": 0.0}
            for scope, ceiling in sorted(ceilings.items())
        ]
        if rows:
            await self._write((keep(self._dialect, budgets), rows))

    async def reserve(self, scopes: Sequence[str], amount: float) -> None:
        """Set `amount` aside in every one of `scopes`, the widest first, or in none of them.

        Raises:
            BudgetExceeded: it does not fit under the ceiling of this scope, the narrowest of
                those where it does not; or the scope has none.
        """

        rows = [{"of": scope, "amount": amount} for scope in sorted(set(scopes))]

        def take(connection: Connection) -> None:
            if connection.execute(_TAKE, rows).rowcount < len(rows):
                raise _DoesNotFitError

        def look(connection: Connection) -> None:
            found = connection.execute(_LOCK, {"scopes": list(scopes)}).mappings()
            now = {row["scope"]: Budget(**row) for row in found}
            for scope in reversed(scopes):
                if scope not in now or not now[scope].fits(amount):
                    raise _exceeded(scope, now.get(scope), amount)
            # Another call has settled meanwhile.
            connection.execute(_TAKE, rows)

        try:
            await self._atomic("reserve a budget", take)
        except _DoesNotFitError:
            await self._atomic("reserve a budget", look)

    async def settle(self, scopes: Sequence[str], reserved: float, spent: float) -> None:
        """Give a reservation back in every one of `scopes`, and book what the call really cost."""
        await self._write(*self.settlement(scopes, reserved, spent))

    def settlement(
        self, scopes: Sequence[str], reserved: float, spent: float
    ) -> tuple[Statement, ...]:
        """What `settle` writes, for `Ledger.commit`; nothing for a call that cost nothing."""
        if not reserved and not spent:
            return ()
        rows = [{"of": scope, "amount": reserved, "cost": spent} for scope in sorted(set(scopes))]
        return ((_SETTLE, rows),)

    async def forfeit(self, run: str) -> float:
        """Book as spent what a process that died has left reserved in a run and all below it.

        Nobody knows what became of those calls, so they are estimated upward. Only for a run that
        no process drives any more.

        Returns:
            How much of the run's own budget was forfeited, in US dollars.
        """
        below = f"{run}:"
        within = or_(_b.scope == run, func.substr(_b.scope, 1, len(below)) == below)

        def book(connection: Connection) -> float:
            query = select(_b.scope, _b.reserved).where(within).order_by(_b.scope)
            left = {row.scope: row.reserved for row in connection.execute(query.with_for_update())}
            connection.execute(
                update(budgets).where(within).values(spent=_b.spent + _b.reserved, reserved=0.0)
            )
            return float(left.get(run, 0.0))

        return await self._atomic("forfeit budgets", book)

    async def get(self, scope: str) -> Budget | None:
        row = await self._first(_BY_SCOPE, {"of": scope})
        return Budget(**row) if row else None


def _exceeded(scope: str, now: Budget | None, amount: float) -> BudgetExceeded:
    return BudgetExceeded(
        scope,
        allowed=now.ceiling if now else 0.0,
        wanted=amount + (now.reserved + now.spent if now else 0.0),
        file="config/limits.yaml",
    )
