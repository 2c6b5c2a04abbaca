"""The tools of the notification server: check, record, deliver, record again."""

import asyncio
import json
import os
from datetime import datetime
from typing import Annotated

from mcp.types import CallToolResult
from pydantic import Field, JsonValue

from tools.servers.errors import BadArgument
from tools.servers.notify.address import check_address, check_body, check_subject
from tools.servers.notify.mail import compose, deliver
from tools.servers.notify.outbox import Draft, OutboxFile, report
from tools.servers.notify.outcome import Outcome
from tools.servers.notify.records import Delivery, Message, Outbox
from tools.servers.notify.settings import Settings, read_settings
from tools.servers.notify.webhook import check_url, post
from tools.servers.server import READ, SEND, ToolServer, answer

PAYLOAD_BYTES = 256 * 1024

IdempotencyKey = Annotated[
    str | None,
    Field(
        description="Any text up to 200 characters. The same key with the same message never sends "
        "twice: it returns the recorded outcome.",
        min_length=1,
        max_length=200,
        pattern=r"^[\x21-\x7e]+$",
    ),
]

_INSTRUCTIONS = (
    "Sends messages to people and systems outside. Every message is recorded in an outbox before "
    "it leaves. Sending cannot be undone: pass an idempotency key, so that a repeated call does "
    "not send again."
)


class NotifyTools:
    """The tools, each an async method whose docstring is its description."""

    def __init__(self, settings: Settings, outbox: OutboxFile) -> None:
        self._settings = settings
        self._outbox = outbox

    async def send_email(
        self,
        to: Annotated[
            str,
            Field(description="One address, such as name@example.com.", max_length=254),
        ],
        subject: Annotated[
            str, Field(description="One line, 1 to 200 characters.", min_length=1, max_length=200)
        ],
        body: Annotated[
            str,
            Field(
                description="Plain text, 1 to 100000 characters.", min_length=1, max_length=100_000
            ),
        ],
        idempotency_key: IdempotencyKey = None,
    ) -> Annotated[CallToolResult, Delivery]:
        """Send a plain-text e-mail to one person. Cannot be undone. Without a mail server the
        message stays queued in the outbox and the result says so. The result is an error unless
        the mail server took the message or it was queued."""
        draft = Draft(
            channel="email",
            target=check_address("to", to),
            subject=check_subject(subject),
            content=check_body(body).encode("utf-8"),
            key=idempotency_key,
        )
        can_send = self._settings.mail_server is not None
        domain = self._settings.sender.rpartition("@")[2]
        claim = await asyncio.to_thread(self._outbox.claim, draft, domain, can_send=can_send)
        if not claim.send:
            return _told(report(claim.message, already_recorded=claim.recorded))
        outcome = await asyncio.to_thread(self._mail, claim.message, body)
        return _told(await asyncio.to_thread(self._outbox.finish, claim.message, outcome))

    async def post_webhook(
        self,
        url: Annotated[
            str,
            Field(description="http or https address on an allowed host.", max_length=2000),
        ],
        payload: Annotated[
            dict[str, JsonValue], Field(description="JSON object to post, up to 256 KiB.")
        ],
        idempotency_key: IdempotencyKey = None,
    ) -> Annotated[CallToolResult, Delivery]:
        """Post a JSON object to a web address on an allowed host. Cannot be undone. The
        idempotency key also goes out as the header Idempotency-Key; redirects are not followed.
        The result is an error unless the other side answered with a 2xx status."""
        draft = Draft(
            channel="webhook",
            target=check_url(url, self._settings.webhook_hosts),
            subject=None,
            content=_document(payload),
            key=idempotency_key,
        )
        claim = await asyncio.to_thread(self._outbox.claim, draft, "webhook", can_send=True)
        if not claim.send:
            return _told(report(claim.message, already_recorded=claim.recorded))
        outcome = await post(draft.target, draft.content, claim.message.message_id)
        return _told(await asyncio.to_thread(self._outbox.finish, claim.message, outcome))

    async def list_outbox(
        self,
        limit: Annotated[
            int, Field(description="How many to list at most, 1 to 100.", ge=1, le=100)
        ] = 20,
    ) -> Outbox:
        """List the messages in the outbox with status, times and the other side's answer, newest
        first; without their text."""
        return await asyncio.to_thread(self._outbox.newest, limit)

    def _mail(self, message: Message, body: str) -> Outcome:
        server = self._settings.mail_server
        if server is None or message.subject is None:
            return Outcome(state="failed", detail="no mail server is set")
        document = compose(
            sender=self._settings.sender,
            to=message.target,
            subject=message.subject,
            body=body,
            message_id=message.message_id,
            date=datetime.fromisoformat(message.created_at),
        )
        return deliver(server, self._settings.sender, message.target, document)


def _told(delivery: Delivery) -> CallToolResult:
    return answer(delivery, failed=delivery.status not in ("sent", "queued"))


def _document(payload: dict[str, JsonValue]) -> bytes:
    document = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    if len(document) > PAYLOAD_BYTES:
        problem = f"it is {len(document)} bytes long"
        shown = f"{len(payload)} fields"
        raise BadArgument("payload", shown, problem, f"Keep it within {PAYLOAD_BYTES} bytes")
    return document


def build() -> ToolServer:
    """The server, its outbox made if need be.

    Raises:
        BadSetup: an environment variable or the outbox file cannot be used.
    """
    settings = read_settings(os.environ)
    outbox = OutboxFile(settings.outbox)
    outbox.prepare()
    tools = NotifyTools(settings, outbox)
    server = ToolServer("notify", instructions=_INSTRUCTIONS)
    server.offer(tools.send_email, SEND)
    server.offer(tools.post_webhook, SEND)
    server.offer(tools.list_outbox, READ)
    return server
