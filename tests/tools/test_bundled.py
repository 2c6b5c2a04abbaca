"""The shipped configuration over the bundled servers: every term in it fits its server."""

from __future__ import annotations

from runtime.canonical import Json
from runtime.context import RunContext
from runtime.settings import ROOT
from tests.tools.conftest import Door, House, Person
from tools.config import load_tools
from tools.gateway import open_gateway
from tools.policy import Policy


async def test_the_shipped_file_opens_the_bundled_servers_under_their_terms(
    house: House, base: Policy
) -> None:
    (house.folder / "note.md").write_text("# Note\n\nThe key is under the mat.\n")
    environment = {
        "SWITCHYARD_CRM_DB": str(house.folder / "crm.sqlite"),
        "SWITCHYARD_OUTBOX": str(house.folder / "outbox.sqlite"),
        "SWITCHYARD_DOCS_ROOTS": str(house.folder),
    }
    config = load_tools(ROOT / "config" / "mcp.json")
    async with open_gateway(config, base, house.ledger, environment=environment) as gateway:
        assert gateway.unavailable == {}
        tools = gateway.catalogue
        assert {tool.server for tool in tools.values()} == {
            "crm",
            "notify",
            "documents",
            "packages",
            "sandbox",
            "files",
        }
        actions = {name: tool.action for name, tool in tools.items() if tool.once}
        assert actions == {
            "crm_add_note": "write",
            "notify_send_email": "send",
            "notify_post_webhook": "send",
        }
        assert {tools[name].action for name in tools if "sandbox_" in name} == {"execute"}
        assert {tools[name].key for name in actions} == {"idempotency_key"}
        reading = [tool for tool in tools.values() if tool.server == "documents"]
        assert {tool.bound for tool in reading} == {(("folder", "docs"),)}
        door = Door(house=house, gateway=gateway)
        found = await door.call("documents_search_documents", query="key mat")
        assert "under the mat" in found.text
        person = Person("approved")
        mail: Json = {"to": "ann@example.com", "subject": "Hello", "body": "Hello Ann"}
        sent = await door.call("notify_send_email", ask=person, **mail)
        assert sent.data["status"] == "queued"
        assert person.asked[0].question["arguments"] == mail
        stranger = RunContext(run="r1", task="d2", tools=frozenset(), specialist="stranger")
        denied = await door.call("crm_get_customer", context=stranger, customer_id=1)
        assert denied.outcome == "denied"
