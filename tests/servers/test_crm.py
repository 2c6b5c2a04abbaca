import asyncio
import csv
import hashlib
import json
import re
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import asdict
from functools import cache
from pathlib import Path

import pytest
import pytest_asyncio

from tests.servers.client import REPO, Client, check_declarations, held, stdio_session
from tools.servers.crm.database import prepare
from tools.servers.crm.generate import sample_data as generated
from tools.servers.crm.incident import INCIDENT, REPORTS
from tools.servers.crm.records import NoteAdded
from tools.servers.crm.store import Crm
from tools.servers.errors import BadSetup

pytestmark = pytest.mark.asyncio(loop_scope="module")

DIGEST = "de6ca732f6361cb5941c5d7c60b5e1ef820103775b4df49d336b4fa24612bb39"
sample_data = cache(generated)
EXAMPLE = REPO / "examples" / "incident"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def crm(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    path = tmp_path_factory.mktemp("crm") / "new" / "crm.sqlite"
    async with held(stdio_session("crm", {"SWITCHYARD_CRM_DB": str(path)})) as client:
        yield client


async def test_sample_data_is_the_same_on_every_machine() -> None:
    data = sample_data()
    rows = [
        [list(asdict(row).values()) for row in table]
        for table in (data.customers, data.orders, data.items, data.tickets)
    ]
    text = json.dumps(rows, ensure_ascii=True, separators=(",", ":"))
    assert hashlib.sha256(text.encode("ascii")).hexdigest() == DIGEST
    assert [len(table) for table in rows] == [360, 1717, 3310, 442]


async def test_a_file_written_by_the_server_holds_exactly_the_sample_data(tmp_path: Path) -> None:
    prepare(tmp_path / "crm.sqlite")
    with closing(sqlite3.connect(tmp_path / "crm.sqlite")) as db:
        stored = db.execute("SELECT * FROM orders ORDER BY id").fetchall()
    assert stored == [tuple(asdict(order).values()) for order in sample_data().orders]


async def test_every_address_lies_in_a_reserved_domain() -> None:
    for customer in sample_data().customers:
        assert re.fullmatch(r"[a-z0-9.]+@example\.(com|org|net)", customer.email)


async def test_totals_are_the_sum_of_their_lines_and_times_are_in_order() -> None:
    data = sample_data()
    goods: dict[int, int] = {}
    for item in data.items:
        goods[item.order_id] = goods.get(item.order_id, 0) + item.quantity * item.unit_minor
    joined = {customer.id: customer.created_at for customer in data.customers}
    for order in data.orders:
        assert order.total_minor == goods[order.id] + order.shipping_minor
        times = [joined[order.customer_id], order.placed_at, order.shipped_at, order.delivered_at]
        known = [time for time in times if time is not None]
        assert known == sorted(known), order
        assert known[-1] < "2026-11-01"
        assert (order.shipped_at is not None) == (order.status not in ("processing", "cancelled"))
    for ticket in data.tickets:
        assert ticket.resolved_at is None or ticket.opened_at < ticket.resolved_at < "2026-11-01"


async def test_tickets_of_the_incident_agree_with_the_checkout_log() -> None:
    lines = (EXAMPLE / "checkout-api.log").read_text(encoding="utf-8").splitlines()
    tickets = {t.customer_id: t for t in sample_data().tickets if t.incident == INCIDENT}
    assert len(tickets) == len(REPORTS) == 12
    for report in REPORTS:
        logged = [line for line in lines if report.request_id in line]
        assert len(logged) == 1, report.request_id
        assert f"customer={report.customer_id} " in logged[0]
        assert "code=CHK-503" in logged[0]
        assert logged[0][:19] == report.failed_at[:19] < report.opened_at[:19]
        assert report.request_id in tickets[report.customer_id].body


async def test_orders_around_the_incident_are_those_in_the_checkout_log() -> None:
    text = (EXAMPLE / "checkout-api.log").read_text(encoding="utf-8")
    logged = re.findall(r"^(\S{19})\S* .*status=201 .*customer=(\d+) order=(\d+)$", text, re.M)
    first, last = "2026-09-17T13:30:00Z", "2026-09-17T15:15:00Z"
    placed = [o for o in sample_data().orders if first <= o.placed_at <= last]
    assert [(time, int(who), int(what)) for time, who, what in logged] == [
        (order.placed_at[:19], order.customer_id, order.id) for order in placed
    ]
    assert not [o for o in placed if "2026-09-17T14:06" < o.placed_at < "2026-09-17T14:55"]


async def test_sample_logs_are_in_order_and_name_the_cause() -> None:
    for name in ("checkout-api.log", "db.log", "certificates.log"):
        lines = (EXAMPLE / name).read_text(encoding="utf-8").splitlines()
        assert len(lines) > 50
        assert lines == sorted(lines, key=lambda line: line[:23]), name
    for name in ("deploys.csv", "alerts.csv"):
        with (EXAMPLE / name).open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
        assert {len(row) for row in rows} == {len(rows[0])}
    assert "notAfter=2026-09-17T13:40:00Z" in (EXAMPLE / "db.log").read_text(encoding="utf-8")
    assert "result=skipped" in (EXAMPLE / "certificates.log").read_text(encoding="utf-8")
    assert "**Root cause:**" in (EXAMPLE / "oncall-notes.md").read_text(encoding="utf-8")


async def test_every_tool_declares_what_it_takes_returns_and_changes(crm: Client) -> None:
    await check_declarations(crm, writing={"add_note"})


async def test_customer_42_is_a_woman_whose_last_order_is_her_newest(crm: Client) -> None:
    customer = await crm.call("get_customer", customer_id=42)
    orders = await crm.call("list_orders", customer_id=42)
    assert (customer["name"], customer["salutation"]) == ("Marta Lindqvist", "Ms")
    assert customer["pronouns"] == "she/her"
    assert customer["email"] == "marta.lindqvist@example.com"
    assert customer["order_count"] == orders["total"] == 5
    assert customer["last_order"] == orders["orders"][0]
    assert customer["last_order"]["status"] == "shipped"
    placed = [order["placed_at"] for order in orders["orders"]]
    assert placed == sorted(placed, reverse=True)
    assert await crm.call("get_order", order_id=orders["orders"][2]["id"]) == orders["orders"][2]


async def test_search_ignores_case_and_accents_and_needs_every_word(crm: Client) -> None:
    found = await crm.call("find_customers", query="OBERG stockholm")
    assert found["total"] >= 1
    for customer in found["customers"]:
        assert "Öberg" in customer["name"]
        assert customer["city"] == "Stockholm"
    assert (await crm.call("find_customers", query="lindqvist nowhere"))["total"] == 0
    limited = await crm.call("find_customers", query="sweden", limit=2)
    assert limited["total"] > len(limited["customers"]) == 2


async def test_tickets_can_be_asked_by_incident_customer_and_status(crm: Client) -> None:
    tickets = await crm.call("list_tickets", incident=INCIDENT, limit=50)
    assert tickets["total"] == len(tickets["tickets"]) == 12
    opened = [ticket["opened_at"] for ticket in tickets["tickets"]]
    assert opened == sorted(opened, reverse=True)
    first = tickets["tickets"][-1]
    assert await crm.call("get_ticket", ticket_id=first["id"]) == first
    narrow = await crm.call("list_tickets", incident=INCIDENT, customer_id=first["customer_id"])
    assert [ticket["id"] for ticket in narrow["tickets"]] == [first["id"]]
    pending = await crm.call("list_tickets", status="open")
    assert {ticket["status"] for ticket in pending["tickets"]} == {"open"}


async def test_mistakes_name_the_field_the_value_and_the_remedy(crm: Client) -> None:
    assert await crm.refused("get_customer", customer_id=4200) == (
        "customer_id = 4200: there is no such customer. Use find_customers to find the number."
    )
    assert await crm.refused("get_customer", customer_id=0) == (
        "customer_id = 0: input should be greater than or equal to 1. "
        "Expected: Number of the customer, 1 or higher."
    )
    assert await crm.refused("get_customer") == (
        "customer_id is missing. Expected: Number of the customer, 1 or higher."
    )
    assert await crm.refused("get_customer", customer=42) == (
        "customer = 42: get_customer has no such argument. It takes: customer_id."
    )
    assert "Use one of: INC-2026-014." in await crm.refused("list_tickets", incident="INC-1")
    assert "there is no such order" in await crm.refused("get_order", order_id=1)
    assert "there is no such ticket" in await crm.refused("get_ticket", ticket_id=1)
    assert "this server has no such tool" in await crm.refused("drop_tables")


async def test_one_key_stores_one_note(crm: Client) -> None:
    note = {"customer_id": 7, "text": "Called back.", "idempotency_key": "note-1"}
    first = await crm.call("add_note", **note)
    again = await crm.call("add_note", **note)
    assert (first["already_recorded"], again["already_recorded"]) == (False, True)
    assert again["note"] == first["note"]
    assert (await crm.call("get_customer", customer_id=7))["recent_notes"] == [first["note"]]
    other = await crm.refused("add_note", **{**note, "text": "Something else."})
    assert "it belongs to another note" in other


async def test_parallel_calls_with_one_key_store_one_note(tmp_path: Path) -> None:
    prepare(tmp_path / "crm.sqlite")
    store = Crm(tmp_path / "crm.sqlite")
    for key in ("a", "b", "c", "d", "e"):
        gate = threading.Barrier(4)

        def add(key: str = key, gate: threading.Barrier = gate) -> NoteAdded:
            gate.wait(timeout=10)
            return store.add_note(8, "At once.", key)

        results = await asyncio.gather(*(asyncio.to_thread(add) for _ in range(4)))
        assert len({result.note.id for result in results}) == 1
        assert [result.already_recorded for result in results].count(False) == 1


async def test_two_first_starts_at_once_fill_the_file_once(tmp_path: Path) -> None:
    path = tmp_path / "crm.sqlite"
    await asyncio.gather(*(asyncio.to_thread(prepare, path) for _ in range(3)))
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT count(*) FROM customers").fetchone() == (360,)


async def test_a_foreign_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "mine.sqlite"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE mine (id INTEGER)")
        db.commit()
    before = path.read_bytes()
    with pytest.raises(BadSetup, match=r"SWITCHYARD_CRM_DB = .*tables of its own"):
        prepare(path)
    assert path.read_bytes() == before
    path.write_text("not a database, but long enough to look like one" * 20)
    with pytest.raises(BadSetup, match="not a database"):
        prepare(path)


async def test_the_servers_import_nothing_else_of_switchyard() -> None:
    rooms = "app|graphs|agents|memory|harness|models|ledger|runtime|tools"
    pattern = re.compile(rf"^\s*(?:from|import)\s+((?:{rooms})\b\S*)", re.M)
    for file in sorted((REPO / "tools" / "servers").rglob("*.py")):
        for module in pattern.findall(file.read_text(encoding="utf-8")):
            assert module.startswith("tools.servers"), f"{file.name} imports {module}"
