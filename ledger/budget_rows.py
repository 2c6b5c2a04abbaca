"""What the ledger knows of budgets, and the statements by which a call takes and gives back.

They are in the words of the driver: every model call runs all of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from sqlalchemy import Connection, bindparam, select
from sqlalchemy.engine import RowMapping

from ledger.address import Dialect
from ledger.ceilings import Amount, Ceiling, exceeded, is_day
from ledger.driver import Cursor, in_words_of
from ledger.schema import budgets, reservations
from runtime.errors import BudgetExceeded

ROUNDING = 1e-9
"""Sums of binary fractions drift; a reservation may not fail over less (US dollars)."""

UNNAMED = "before-5:"
"""Begins the id of what an older release had set aside in a scope when this one came."""

_LOCK = select(budgets).where(budgets.c.scope == bindparam("of")).with_for_update()
_OF_SCOPE = select(budgets.c.reserved).where(budgets.c.scope == bindparam("of"))
_BESIDE = select(reservations.c.dollars, reservations.c.scopes).where(
    reservations.c.run == bindparam("of_run"),
    reservations.c.forfeited_at.is_(None),
    reservations.c.id.not_like(f"{UNNAMED}%"),
)
_OPEN_DAY = (
    "INSERT INTO budgets (scope, ceiling, token_ceiling, reserved, spent) VALUES (?, ?, ?, 0, 0)"
    " ON CONFLICT (scope) DO UPDATE"
    " SET ceiling = excluded.ceiling, token_ceiling = excluded.token_ceiling"
)
_TAKE = (
    "UPDATE budgets SET reserved = reserved + ?,"
    " reserved_tokens = COALESCE(reserved_tokens, 0) + ?"
    f" WHERE scope = ? AND reserved + spent + ? <= ceiling + {ROUNDING}"
    " AND (token_ceiling IS NULL OR"
    " COALESCE(reserved_tokens, 0) + COALESCE(spent_tokens, 0) + ? <= token_ceiling)"
)
_HOLD = (
    "INSERT INTO reservations (id, run, scopes, dollars, tokens, process, at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_LET_GO = "DELETE FROM reservations WHERE id = ? AND forfeited_at IS NULL"
_LET_GO_LATE = "DELETE FROM reservations WHERE id = ?"
# Money not below zero: sums of binary fractions drift.
_BOOK = (
    "UPDATE budgets SET reserved = CASE WHEN reserved < ? THEN 0 ELSE reserved - ? END,"
    " reserved_tokens = COALESCE(reserved_tokens, 0) - ?,"
    " spent = CASE WHEN spent + ? < 0 THEN 0 ELSE spent + ? END,"
    " spent_tokens = COALESCE(spent_tokens, 0) + ?,"
    " overshot = COALESCE(overshot, 0) + ?, overshot_tokens = COALESCE(overshot_tokens, 0) + ?"
    " WHERE scope = ?"
)
_NOTHING = Amount()


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """US dollars and tokens. `reserved + spent - overshot <= ceiling` at every instant."""

    scope: str
    ceiling: float
    reserved: float
    spent: float
    token_ceiling: int | None = None
    """None for no ceiling; tokens are counted all the same."""
    reserved_tokens: int = 0
    spent_tokens: int = 0
    overshot: float = 0.0
    """Of what is spent: what providers billed beyond what had been set aside for the call."""
    overshot_tokens: int = 0

    @property
    def left(self) -> float:
        """US dollars that are neither spent nor set aside."""
        return max(0.0, self.ceiling - self.reserved - self.spent)

    def lacks(self, amount: Amount) -> BudgetExceeded | None:
        """Why an amount does not fit; None when it does."""
        if self.reserved + self.spent + amount.dollars > self.ceiling + ROUNDING:
            return exceeded(
                self.scope,
                "dollars",
                amount.dollars,
                ceiling=self.ceiling,
                spent=self.spent,
                reserved=self.reserved,
            )
        taken = self.reserved_tokens + self.spent_tokens
        if self.token_ceiling is not None and taken + amount.tokens > self.token_ceiling:
            return exceeded(
                self.scope,
                "tokens",
                amount.tokens,
                ceiling=self.token_ceiling,
                spent=self.spent_tokens,
                reserved=self.reserved_tokens,
            )
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """What is set aside for one call, in every one of its scopes."""

    id: str
    run: str
    scopes: tuple[str, ...]
    """Who pays, the widest first."""
    amount: Amount
    process: str | None = None
    """Who settles it; None where nobody is known by a name."""
    at: float = 0.0
    forfeited_at: float | None = None
    """When it was booked as spent, because who made it was gone."""


def what_is_left(connection: Connection, held: Reservation) -> Reservation:
    """A reservation as it stands. Of an unnamed one only what its scope has set aside besides
    those with names: a process of the older release, which lived on, has settled the rest."""
    if not held.id.startswith(UNNAMED):
        return held
    (scope,) = held.scopes
    row = connection.execute(_OF_SCOPE, {"of": scope}).mappings().first()
    others = connection.execute(_BESIDE, {"of_run": held.run}).mappings().all()
    named = sum(one["dollars"] for one in others if scope in json.loads(one["scopes"]))
    left = max(0.0, (row["reserved"] if row else 0.0) - named)
    return replace(held, amount=Amount(dollars=min(held.amount.dollars, left)))


def in_turn(scopes: Iterable[str]) -> list[str]:
    """The order in which all who lock several scopes do so, so that they never wait for each
    other: the narrowest first; last the days, which the most callers share."""
    return sorted(set(scopes), key=lambda one: (not is_day(one), one.count("/"), one), reverse=True)


def take(
    connection: Connection, dialect: Dialect, held: Reservation, fresh: Mapping[str, Ceiling]
) -> None:
    """Set a reservation aside; scopes in `fresh` get their ceilings first.

    Raises:
        BudgetExceeded: a scope has no room, or no ceiling. What was taken before has to be undone.
    """
    dollars, tokens = held.amount.dollars, held.amount.tokens
    statement = in_words_of(dialect, _TAKE)
    row = (held.id, held.run, json.dumps(held.scopes), dollars, tokens, held.process, held.at)
    with Cursor(connection) as cursor:
        # The row first: after it, nothing but the commit lies behind the scopes that many share.
        cursor.run(in_words_of(dialect, _HOLD), row)
        for scope in in_turn(held.scopes):
            if scope in fresh:
                opened = (scope, fresh[scope].dollars, fresh[scope].tokens)
                cursor.run(in_words_of(dialect, _OPEN_DAY), opened)
            while not cursor.run(statement, (dollars, tokens, scope, dollars, tokens)):
                # Unless another call has settled meanwhile.
                _refuse(connection, scope, held.amount)


def _refuse(connection: Connection, scope: str, amount: Amount) -> None:
    """Raise why an amount does not fit into a scope; return when it does by now."""
    row = connection.execute(_LOCK, {"of": scope}).mappings().first()
    # Also for a call that costs nothing: a ceiling that nobody opened has to be noticed.
    why = (
        budget(row).lacks(amount) if row else exceeded(scope, "dollars", amount.dollars, ceiling=0)
    )
    if why is not None:
        raise why


def settle(connection: Connection, dialect: Dialect, held: Reservation, spent: Amount) -> None:
    """Book what a call took, once. What was forfeited meanwhile is put right instead."""
    with Cursor(connection) as cursor:
        # The row first: who takes it away is the one who books.
        if cursor.run(in_words_of(dialect, _LET_GO), (held.id,)):
            forfeited = _NOTHING
        elif cursor.run(in_words_of(dialect, _LET_GO_LATE), (held.id,)):
            forfeited = held.amount
        else:
            return
        back = _NOTHING if forfeited is held.amount else held.amount
        for scope in in_turn(held.scopes):
            book(cursor, dialect, scope, back, spent, forfeited, spent.beyond(held.amount))


def book(
    cursor: Cursor,
    dialect: Dialect,
    scope: str,
    back: Amount,
    spent: Amount,
    forfeited: Amount = _NOTHING,
    over: Amount = _NOTHING,
) -> None:
    """Give `back` what was set aside in a scope, and count what was spent, instead of what was
    `forfeited`."""
    more = spent.dollars - forfeited.dollars
    values = (
        back.dollars,
        back.dollars,
        back.tokens,
        more,
        more,
        spent.tokens - forfeited.tokens,
        over.dollars,
        over.tokens,
        scope,
    )
    cursor.run(in_words_of(dialect, _BOOK), values)


def budget(row: RowMapping) -> Budget:
    """A row as a value. Of an older release it has no tokens."""
    plain = dict(row)
    for name in ("reserved_tokens", "spent_tokens", "overshot", "overshot_tokens"):
        plain[name] = plain[name] or 0
    return Budget(**plain)


def reservation(row: RowMapping) -> Reservation:
    plain = dict(row)
    amount = Amount(dollars=plain.pop("dollars"), tokens=plain.pop("tokens"))
    return Reservation(**{**plain, "amount": amount, "scopes": tuple(json.loads(plain["scopes"]))})
