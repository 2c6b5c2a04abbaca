"""Makes the support tickets of the sample data: everyday ones, and those of the incident."""

from collections import defaultdict
from dataclasses import replace
from datetime import datetime, timedelta

from tools.servers.crm.catalogue import TOPICS, Topic
from tools.servers.crm.dice import Dice
from tools.servers.crm.incident import INCIDENT, REPORTS, RESOLUTION, Report
from tools.servers.crm.rows import CustomerRow, ItemRow, OrderRow, TicketRow, stamp
from tools.servers.crm.sales import NOW

EVERYDAY = 430

_FORM = "%Y-%m-%dT%H:%M:%SZ"
_CHANNELS = (("e-mail", 55), ("chat", 25), ("phone", 12), ("web form", 8))
_HOURS = {"low": 96, "normal": 48, "high": 20, "critical": 6}
"""Hours within which a ticket of that severity is usually resolved."""


def complain(
    dice: Dice, customers: list[CustomerRow], orders: list[OrderRow], items: list[ItemRow]
) -> list[TicketRow]:
    """Tickets in the order of their opening, numbered from 5001."""
    contents: dict[int, list[ItemRow]] = defaultdict(list)
    for item in items:
        contents[item.order_id].append(item)
    buyers = {customer.id: customer for customer in customers}
    tickets = [_reported(report) for report in REPORTS]
    topics = [(topic, topic.weight) for topic in TOPICS]
    seen: set[tuple[int, str]] = set()
    while len(tickets) < EVERYDAY + len(REPORTS):
        order = dice.pick(orders)
        topic = dice.weighted(topics)
        fitting = [item for item in contents[order.id] if _fits(topic, item)]
        opened = _opened(dice, topic, order)
        if fitting and opened is not None and (order.id, topic.subject) not in seen:
            seen.add((order.id, topic.subject))
            item = dice.pick(fitting)
            buyer = buyers[order.customer_id]
            tickets.append(_everyday(dice, topic, buyer, order.id, item, opened))
    tickets.sort(key=lambda ticket: (ticket.opened_at, ticket.customer_id))
    return [replace(ticket, id=number) for number, ticket in enumerate(tickets, start=5001)]


def _fits(topic: Topic, item: ItemRow) -> bool:
    return not topic.only or item.sku.startswith(topic.only)


def _opened(dice: Dice, topic: Topic, order: OrderRow) -> datetime | None:
    """When a customer would write this about the order; None if it would make no sense."""
    placed = datetime.strptime(order.placed_at, _FORM)
    if order.status == "cancelled":
        return None
    if order.delivered_at is None:
        return placed + (NOW - placed) * dice.between(60, 95) // 100 if topic.on_the_way else None
    delivered = datetime.strptime(order.delivered_at, _FORM)
    if topic.on_the_way:
        return placed + (delivered - placed) * dice.between(30, 90) // 100
    opened = delivered + timedelta(minutes=dice.between(90, 15000))
    return opened if opened < NOW else None


def _everyday(
    dice: Dice, topic: Topic, buyer: CustomerRow, order_id: int, item: ItemRow, opened: datetime
) -> TicketRow:
    severity = dice.weighted(topic.severities)
    status, resolved = _progress(dice, opened, severity)
    words = {"order": order_id, "item": item.name, "city": buyer.city, "name": buyer.first_name}
    return TicketRow(
        id=0,
        customer_id=buyer.id,
        order_id=order_id,
        subject=topic.subject.format(**words),
        body=dice.pick(topic.bodies).format(**words),
        severity=severity,
        status=status,
        channel=dice.weighted(_CHANNELS),
        incident=None,
        opened_at=stamp(opened),
        resolved_at=stamp(resolved) if resolved else None,
        resolution=topic.resolution if resolved else None,
    )


def _progress(dice: Dice, opened: datetime, severity: str) -> tuple[str, datetime | None]:
    hours = _HOURS[severity]
    resolved = opened + timedelta(minutes=dice.between(hours * 6, hours * 90))
    if resolved >= NOW or ((NOW - opened).days < 40 and dice.chance(55)):
        return dice.weighted((("open", 60), ("pending", 40))), None
    return ("closed" if (NOW - resolved).days > 14 else "resolved"), resolved


def _reported(report: Report) -> TicketRow:
    return TicketRow(
        id=0,
        customer_id=report.customer_id,
        order_id=None,
        subject=report.subject,
        body=report.body,
        severity=report.severity,
        status="closed",
        channel=report.channel,
        incident=INCIDENT,
        opened_at=report.opened_at,
        resolved_at=report.resolved_at,
        resolution=RESOLUTION,
    )
