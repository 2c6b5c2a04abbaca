"""Makes the orders of the sample data: who bought what, when, and how far it has come."""

from datetime import datetime, timedelta

from tools.servers.crm.catalogue import CATALOGUE, RATES
from tools.servers.crm.dice import Dice
from tools.servers.crm.incident import ORDERS_OF_THE_DAY
from tools.servers.crm.rows import CustomerRow, ItemRow, OrderRow, stamp

FIRST_DAY = datetime(2025, 1, 6)
LAST_DAY = datetime(2026, 10, 31)
NOW = datetime(2026, 10, 31, 18)
"""The moment at which the sample data stands still."""

_FORM = "%Y-%m-%dT%H:%M:%SZ"
_ORDERS_OF_MARTA = (
    "2025-03-11T10:02:17Z",
    "2025-09-02T14:40:51Z",
    "2026-02-17T08:15:30Z",
    "2026-06-30T12:55:04Z",
    "2026-10-27T09:14:22Z",
)
_COUNTS = ((1, 8), (2, 13), (3, 16), (4, 17), (5, 15), (6, 11), (7, 8), (9, 7), (12, 5))


def sell(dice: Dice, customers: list[CustomerRow]) -> tuple[list[OrderRow], list[ItemRow]]:
    """Orders in the order of their placing, numbered from 10001, with their items."""
    placed = _placings(dice, customers)
    buyers = {customer.id: customer for customer in customers}
    orders: list[OrderRow] = []
    items: list[ItemRow] = []
    for number, (when, customer_id) in enumerate(placed, start=10001):
        basket = _basket(dice, number, buyers[customer_id].currency)
        orders.append(_order(dice, number, when, buyers[customer_id], basket))
        items.extend(basket)
    return orders, items


def _placings(dice: Dice, customers: list[CustomerRow]) -> list[tuple[datetime, int]]:
    fixed = [*ORDERS_OF_THE_DAY, *((42, when) for when in _ORDERS_OF_MARTA)]
    placed = [(datetime.strptime(when, _FORM), customer) for customer, when in fixed]
    days = (LAST_DAY - FIRST_DAY).days + 1
    for customer in customers:
        if customer.id == 42:
            continue
        for _ in range(dice.weighted(_COUNTS)):
            day = FIRST_DAY + timedelta(days=dice.below(days))
            when = day + timedelta(seconds=dice.between(6 * 3600, 18 * 3600 - 1))
            placed.append((when, customer.id))
    return sorted(placed)


def _basket(dice: Dice, order_id: int, currency: str) -> list[ItemRow]:
    lines = dice.weighted(((1, 45), (2, 30), (3, 15), (4, 7), (5, 3)))
    chosen: list[tuple[str, str, int]] = []
    while len(chosen) < lines:
        article = dice.pick(CATALOGUE)
        if article not in chosen:
            chosen.append(article)
    return [
        ItemRow(
            order_id=order_id,
            position=position,
            sku=sku,
            name=name,
            quantity=dice.weighted(((1, 62), (2, 20), (3, 6), (4, 7), (6, 3), (10, 2))),
            unit_minor=_price(cents, currency),
        )
        for position, (sku, name, cents) in enumerate(chosen, start=1)
    ]


def _price(euro_cents: int, currency: str) -> int:
    return max(10, (euro_cents * RATES[currency] // 100) // 10 * 10)


def _order(
    dice: Dice, number: int, when: datetime, buyer: CustomerRow, basket: list[ItemRow]
) -> OrderRow:
    goods = sum(item.quantity * item.unit_minor for item in basket)
    shipping = 0 if goods >= _price(50000, buyer.currency) else _price(1490, buyer.currency)
    status = "shipped" if buyer.id == 42 and when.month == 10 else _status(dice, when)
    shipped, delivered = _journey(dice, when, status)
    return OrderRow(
        id=number,
        customer_id=buyer.id,
        placed_at=stamp(when),
        status=status,
        currency=buyer.currency,
        shipping_minor=shipping,
        total_minor=goods + shipping,
        shipped_at=stamp(shipped) if shipped else None,
        delivered_at=stamp(delivered) if delivered else None,
        tracking=f"SWY{number}{dice.between(1000, 9999)}" if shipped else None,
    )


def _status(dice: Dice, when: datetime) -> str:
    age = (NOW - when).days
    if age < 2:
        return dice.weighted((("processing", 92), ("cancelled", 8)))
    if age < 4:
        return dice.weighted((("processing", 45), ("shipped", 50), ("cancelled", 5)))
    if age < 11:
        return dice.weighted((("shipped", 45), ("delivered", 52), ("cancelled", 3)))
    return dice.weighted((("delivered", 91), ("cancelled", 5), ("returned", 4)))


def _journey(dice: Dice, when: datetime, status: str) -> tuple[datetime | None, datetime | None]:
    if status in ("processing", "cancelled"):
        return None, None
    shipped = when + timedelta(hours=dice.between(14, 44), minutes=dice.below(60))
    if status == "shipped":
        return min(shipped, NOW - timedelta(hours=3)), None
    delivered = shipped + timedelta(hours=dice.between(20, 110), minutes=dice.below(60))
    return shipped, min(delivered, NOW - timedelta(hours=1))
