"""Money ceilings that hold under parallel calls: reserve before, settle after.

A reservation is one conditional UPDATE, so that two callers can never both take the last dollar,
in one process or in several.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger.repository import Repository
from ledger.schema import budgets
from runtime.errors import BudgetExceeded

# Sums of binary fractions drift; a reservation may not fail over less than this (US dollars).
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """US dollars. `reserved + spent <= ceiling` at every instant."""

    scope: str
    ceiling: float
    reserved: float
    spent: float


class Budgets(Repository):
    """Ceilings by scope. A scope is a run id, or any other text that the caller chose."""

    def __init__(self, engine: AsyncEngine) -> None:
        super().__init__(engine, lambda: 0.0)

    async def open(self, scope: str, ceiling: float) -> None:
        """Set a ceiling in US dollars; a scope that is open already keeps its own."""
        await self._write(
            self._insert_or_keep(budgets, scope=scope, ceiling=ceiling, reserved=0.0, spent=0.0)
        )

    async def reserve(self, scope: str, amount: float) -> None:
        """Set `amount` aside before a call.

        Raises:
            BudgetExceeded: it does not fit under the ceiling, or the scope has none.
        """
        b = budgets.c
        fits = b.reserved + b.spent + amount <= b.ceiling + _ROUNDING
        taken = await self._write(
            update(budgets).where(b.scope == scope, fits).values(reserved=b.reserved + amount)
        )
        if not taken:
            now = await self.get(scope)
            raise BudgetExceeded(
                scope,
                allowed=now.ceiling if now else 0.0,
                wanted=amount + (now.reserved + now.spent if now else 0.0),
                file="config/limits.yaml",
            )

    async def settle(self, scope: str, reserved: float, spent: float) -> None:
        """Give a reservation back and book what the call really cost."""
        b = budgets.c
        await self._write(
            update(budgets)
            .where(b.scope == scope)
            .values(reserved=b.reserved - reserved, spent=b.spent + spent)
        )

    async def get(self, scope: str) -> Budget | None:
        row = await self._first(select(budgets).where(budgets.c.scope == scope))
        return Budget(**row) if row else None
