import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.servers.certificate import self_signed
from tests.servers.client import (
    Client,
    check_declarations,
    content_of,
    held,
    stdio_session,
    text_of,
)
from tests.servers.mailbox import Mailbox, line_server, lose_after_data, mail_server
from tools.servers.errors import BadArgument, BadSetup
from tools.servers.notify.address import check_address
from tools.servers.notify.server import build
from tools.servers.notify.settings import read_settings
from tools.servers.server import ToolServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

MAIL = {"to": "marta.lindqvist@example.com", "subject": "Your order", "body": "It has shipped.\n"}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def mailbox() -> AsyncIterator[Mailbox]:
    async with mail_server() as mailbox:
        yield mailbox


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def notify(
    mailbox: Mailbox, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Client]:
    environment = {
        "SWITCHYARD_OUTBOX": str(tmp_path_factory.mktemp("notify") / "outbox.sqlite"),
        "SWITCHYARD_SMTP_HOST": "127.0.0.1",
        "SWITCHYARD_SMTP_PORT": str(mailbox.port),
        "SWITCHYARD_MAIL_FROM": "yard@example.org",
    }
    async with held(stdio_session("notify", environment)) as client:
        yield client


def local(monkeypatch: pytest.MonkeyPatch, outbox: Path, **settings: str) -> ToolServer:
    """The same server in this process."""
    monkeypatch.setenv("SWITCHYARD_OUTBOX", str(outbox))
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return build()


async def told(server: ToolServer, tool: str, **arguments: object) -> tuple[dict[str, Any], bool]:
    """Structured content and whether it is marked as an error."""
    result: Any = await server.call_tool(tool, arguments)
    return content_of(result), result.isError


async def refusal(server: ToolServer, tool: str, **arguments: object) -> str:
    with pytest.raises(Exception) as refused:
        await server.call_tool(tool, arguments)
    return str(refused.value)


async def test_every_tool_declares_what_it_takes_returns_and_changes(notify: Client) -> None:
    await check_declarations(notify, writing={"send_email", "post_webhook"})


async def test_an_e_mail_reaches_the_mail_server_whole(notify: Client, mailbox: Mailbox) -> None:
    body = "Hej Marta,\n\n.a line with a leading dot\nGrüße – 12 €\n"
    sent = await notify.call("send_email", **{**MAIL, "body": body, "subject": "Über Ihre Ware"})
    message = mailbox.messages[-1]
    assert (sent["status"], sent["remedy"]) == ("sent", None)
    assert "accepted as 1" in sent["detail"]
    assert message["To"] == MAIL["to"]
    assert message["From"] == "yard@example.org"
    assert message["Subject"] == "Über Ihre Ware"
    assert message["Message-ID"] == sent["message_id"]
    assert message.get_content().replace("\r\n", "\n") == body
    assert mailbox.envelopes[-1].rcpt_tos == [MAIL["to"]]


async def test_one_key_sends_one_e_mail(notify: Client, mailbox: Mailbox) -> None:
    before = len(mailbox.envelopes)
    first = await notify.call("send_email", **MAIL, idempotency_key="order-11703")
    again = await notify.call("send_email", **MAIL, idempotency_key="order-11703")
    assert len(mailbox.envelopes) == before + 1
    assert (first["already_recorded"], again["already_recorded"]) == (False, True)
    assert {**again, "already_recorded": False} == first
    other = await notify.refused(
        "send_email", **{**MAIL, "body": "Changed."}, idempotency_key="order-11703"
    )
    assert "it belongs to another message" in other
    assert len(mailbox.envelopes) == before + 1


async def test_parallel_calls_with_one_key_send_one_e_mail(
    notify: Client, mailbox: Mailbox
) -> None:
    before = len(mailbox.envelopes)
    call = {**MAIL, "idempotency_key": "at-once"}
    results = await asyncio.gather(*(notify.raw("send_email", **call) for _ in range(6)))
    assert len(mailbox.envelopes) == before + 1
    for result in results:
        assert not result.isError or "outcome is not known" in text_of(result)


async def test_an_address_that_the_mail_server_refuses_is_failed(
    notify: Client, mailbox: Mailbox
) -> None:
    before = len(mailbox.envelopes)
    call = {**MAIL, "to": "nobody@example.com", "idempotency_key": "refused"}
    result = await notify.raw("send_email", **call)
    told = content_of(result)
    assert result.isError
    assert told["status"] == "failed"
    assert told["detail"] == "550 5.1.1 no such mailbox"
    assert told["finished_at"] is not None
    assert "new idempotency key" in told["remedy"]
    again = content_of(await notify.raw("send_email", **call))
    assert again == {**told, "already_recorded": True}
    assert len(mailbox.envelopes) == before


@pytest.mark.parametrize(
    ("argument", "value", "problem"),
    [
        ("to", "a@example.com\nBcc: b@example.com", "line break"),
        ("to", "a@example.com, b@example.com", "not an e-mail address"),
        ("to", "Marta <a@example.com>", "not an e-mail address"),
        ("to", "a@@example.com", "not an e-mail address"),
        ("to", "a@nodots", "domain is not valid"),
        ("to", "a@exämple.com", "outside ASCII"),
        ("subject", "Hi\r\nBcc: b@example.com", "line break"),
        ("subject", "   ", "it is empty"),
        ("subject", "x" * 201, "at most 200 characters"),
        ("body", "a\0b", "control character 0"),
    ],
)
async def test_what_would_forge_a_header_is_refused(
    notify: Client, mailbox: Mailbox, argument: str, value: str, problem: str
) -> None:
    before = len(mailbox.envelopes), (await notify.call("list_outbox"))["total"]
    message = await notify.refused("send_email", **{**MAIL, argument: value})
    assert message.startswith(f"{argument} = ")
    assert problem in message
    assert (len(mailbox.envelopes), (await notify.call("list_outbox"))["total"]) == before


async def test_without_a_mail_server_the_message_waits_and_is_sent_once_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mailbox: Mailbox
) -> None:
    call = {**MAIL, "idempotency_key": "waits"}
    alone = local(monkeypatch, tmp_path / "outbox.sqlite")
    waiting, failed = await told(alone, "send_email", **call)
    assert (waiting["status"], waiting["finished_at"], failed) == ("queued", None, False)
    assert "SWITCHYARD_SMTP_HOST" in waiting["remedy"]
    assert (await told(alone, "send_email", **call))[0]["already_recorded"] is True
    before = len(mailbox.envelopes)
    served = local(
        monkeypatch,
        tmp_path / "outbox.sqlite",
        SWITCHYARD_SMTP_HOST="127.0.0.1",
        SWITCHYARD_SMTP_PORT=str(mailbox.port),
    )
    sent, failed = await told(served, "send_email", **call)
    assert (sent["id"], sent["status"], failed) == (waiting["id"], "sent", False)
    await told(served, "send_email", **call)
    assert len(mailbox.envelopes) == before + 1


async def test_a_broken_confirmation_is_unknown_and_never_sent_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connections: list[object] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        await lose_after_data(reader, writer)

    async with line_server(talk) as port:
        server = local(
            monkeypatch,
            tmp_path / "outbox.sqlite",
            SWITCHYARD_SMTP_HOST="127.0.0.1",
            SWITCHYARD_SMTP_PORT=str(port),
        )
        lost, failed = await told(server, "send_email", **MAIL, idempotency_key="lost")
        assert (lost["status"], lost["finished_at"], failed) == ("pending", None, True)
        again = await refusal(server, "send_email", **MAIL, idempotency_key="lost")
    assert "its outcome is not known" in again
    assert "have a person find out" in again
    assert len(connections) == 1


async def test_a_mail_server_that_is_not_there_is_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unused_port: int
) -> None:
    server = local(
        monkeypatch,
        tmp_path / "outbox.sqlite",
        SWITCHYARD_SMTP_HOST="127.0.0.1",
        SWITCHYARD_SMTP_PORT=str(unused_port),
    )
    missing, failed = await told(server, "send_email", **MAIL)
    assert (missing["status"], failed) == ("failed", True)
    assert f"127.0.0.1:{unused_port}" in missing["detail"]


async def test_encryption_is_not_given_up_when_the_mail_server_offers_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mailbox: Mailbox
) -> None:
    before = len(mailbox.envelopes)
    server = local(
        monkeypatch,
        tmp_path / "outbox.sqlite",
        SWITCHYARD_SMTP_HOST="127.0.0.1",
        SWITCHYARD_SMTP_PORT=str(mailbox.port),
        SWITCHYARD_SMTP_STARTTLS="1",
    )
    refused, failed = await told(server, "send_email", **MAIL)
    assert (refused["status"], failed) == ("failed", True)
    assert "STARTTLS" in refused["detail"]
    assert len(mailbox.envelopes) == before


async def test_mail_goes_encrypted_and_only_to_a_server_with_a_trusted_certificate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, tls = self_signed(tmp_path)
    async with mail_server(tls) as mailbox:
        server = local(
            monkeypatch,
            tmp_path / "outbox.sqlite",
            SWITCHYARD_SMTP_HOST="127.0.0.1",
            SWITCHYARD_SMTP_PORT=str(mailbox.port),
            SWITCHYARD_SMTP_STARTTLS="yes",
        )
        refused, _ = await told(server, "send_email", **MAIL)
        assert refused["status"] == "failed"
        assert "certificate verify failed" in refused["detail"]
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        sent, failed = await told(server, "send_email", **MAIL)
        assert (sent["status"], failed) == ("sent", False)
        assert len(mailbox.envelopes) == 1


async def answer(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, status: str, headers: str = ""
) -> bytes:
    """Read one HTTP request and answer it; gives the request back."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    body = await reader.readexactly(length)
    text = f"HTTP/1.1 {status}\r\n{headers}content-length: 2\r\nconnection: close\r\n\r\nok"
    writer.write(text.encode())
    await writer.drain()
    return head + body


async def test_a_webhook_carries_the_document_and_the_key_and_goes_out_once(
    notify: Client,
) -> None:
    requests: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await answer(reader, writer, "200 OK"))

    async with line_server(talk) as port:
        call = {
            "url": f"http://127.0.0.1:{port}/hook",
            "payload": {"order": 11703, "text": "grün"},
            "idempotency_key": "hook-1",
        }
        first = await notify.call("post_webhook", **call)
        again = await notify.call("post_webhook", **call)
    assert (first["status"], first["detail"]) == ("sent", "HTTP 200 ok")
    assert again["already_recorded"] is True
    assert len(requests) == 1
    assert requests[0].startswith(b"POST /hook HTTP/1.1\r\n")
    assert b"idempotency-key: hook-1\r\n" in requests[0].lower()
    assert requests[0].endswith('{"order":11703,"text":"grün"}'.encode())


@pytest.mark.parametrize(
    ("status", "headers", "state", "detail"),
    [
        ("500 Oops", "", "failed", "HTTP 500 ok"),
        ("302 Found", "location: http://127.0.0.1:1/\r\n", "failed", "redirects to"),
    ],
)
async def test_a_webhook_that_is_not_accepted_is_failed(
    notify: Client, status: str, headers: str, state: str, detail: str
) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answer(reader, writer, status, headers)

    async with line_server(talk) as port:
        result = await notify.raw("post_webhook", url=f"http://127.0.0.1:{port}/", payload={})
    assert result.isError
    assert content_of(result)["status"] == state
    assert detail in content_of(result)["detail"]


async def test_a_webhook_without_an_answer_is_unknown(notify: Client) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")

    async with line_server(talk) as port:
        call = {"url": f"http://127.0.0.1:{port}/", "payload": {}, "idempotency_key": "silent"}
        lost = content_of(await notify.raw("post_webhook", **call))
        assert lost["status"] == "pending"
        assert "its outcome is not known" in await notify.refused("post_webhook", **call)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://hooks.example.com/x", "the host hooks.example.com is not allowed"),
        ("http://127.0.0.1.example.com/", "is not allowed"),
        ("http://127.0.0.1@example.com/", "it carries a user name"),
        ("file:///etc/passwd", "it is not a web address"),
        ("ftp://127.0.0.1/x", "it is not a web address"),
        ("http://127.0.0.1:port/", "url = "),
        ("http://127.0.0.1/a b", "blanks or control characters"),
    ],
)
async def test_only_allowed_addresses_are_posted_to(notify: Client, url: str, problem: str) -> None:
    assert problem in await notify.refused("post_webhook", url=url, payload={})


async def test_a_host_can_be_allowed_for_one_port_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unused_port: int
) -> None:
    server = local(
        monkeypatch, tmp_path / "outbox.sqlite", SWITCHYARD_WEBHOOK_HOSTS=f"localhost:{unused_port}"
    )
    url = f"http://localhost:{unused_port + 1}/"
    assert "is not allowed" in await refusal(server, "post_webhook", url=url, payload={})
    allowed = f"http://localhost:{unused_port}/"
    tried, _ = await told(server, "post_webhook", url=allowed, payload={})
    assert tried["status"] == "failed"


async def test_a_payload_that_is_too_large_is_refused(notify: Client) -> None:
    message = await notify.refused(
        "post_webhook", url="http://127.0.0.1/", payload={"text": "x" * 300_000}
    )
    assert message.startswith("payload = ")
    assert "Keep it within 262144 bytes" in message


async def test_the_outbox_lists_the_newest_first_without_the_text(notify: Client) -> None:
    outbox = await notify.call("list_outbox", limit=3)
    assert len(outbox["messages"]) == 3 < outbox["total"]
    numbers = [message["id"] for message in outbox["messages"]]
    assert numbers == sorted(numbers, reverse=True)
    assert "content" not in outbox["messages"][0]


@pytest.mark.parametrize(
    ("environment", "field"),
    [
        ({"SWITCHYARD_SMTP_PORT": "many"}, "SWITCHYARD_SMTP_PORT"),
        ({"SWITCHYARD_SMTP_STARTTLS": "perhaps"}, "SWITCHYARD_SMTP_STARTTLS"),
        ({"SWITCHYARD_MAIL_FROM": "me"}, "SWITCHYARD_MAIL_FROM"),
        (
            {"SWITCHYARD_SMTP_HOST": "mail", "SWITCHYARD_SMTP_USER": "u"},
            "SWITCHYARD_SMTP_PASSWORD",
        ),
        (
            {
                "SWITCHYARD_SMTP_HOST": "mail",
                "SWITCHYARD_SMTP_USER": "u",
                "SWITCHYARD_SMTP_PASSWORD": "p",
            },
            "SWITCHYARD_SMTP_STARTTLS",
        ),
    ],
)
async def test_wrong_settings_are_named(environment: dict[str, str], field: str) -> None:
    with pytest.raises(BadSetup) as wrong:
        read_settings(environment)
    assert wrong.value.field == field


async def test_usual_addresses_are_accepted() -> None:
    for address in ("a@example.com", "a.b+c@sub.example.org", "root@localhost"):
        assert check_address("to", address) == address
    with pytest.raises(BadArgument):
        check_address("to", f"{'a' * 250}@example.com")
