"""Real servers on loopback that take, refuse or lose what the notification server sends."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage

from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass
class Mailbox:
    """Takes mail for everybody but `nobody@…`."""

    port: int = 0
    envelopes: list[Envelope] = field(default_factory=list)

    @property
    def messages(self) -> list[EmailMessage]:
        return [_parsed(envelope) for envelope in self.envelopes]

    # Names and arguments are those by which aiosmtpd calls.
    async def handle_RCPT(  # noqa: N802
        self,
        _server: SMTP,
        _session: Session,
        envelope: Envelope,
        address: str,
        _options: list[str],
    ) -> str:
        if address.startswith("nobody@"):
            return "550 5.1.1 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        self.envelopes.append(envelope)
        return "250 2.0.0 accepted as 1"


def _parsed(envelope: Envelope) -> EmailMessage:
    content = envelope.content
    assert isinstance(content, bytes)
    message = message_from_bytes(content, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


@asynccontextmanager
async def mail_server(tls: ssl.SSLContext | None = None) -> AsyncIterator[Mailbox]:
    """A mail server; with `tls` it wants STARTTLS before anything else."""
    mailbox = Mailbox()
    loop = asyncio.get_running_loop()

    def talk() -> SMTP:
        return SMTP(
            mailbox,
            hostname="mail.example.com",
            loop=loop,
            tls_context=tls,
            require_starttls=tls is not None,
        )

    server = await loop.create_server(talk, "127.0.0.1", 0)
    async with server:
        mailbox.port = server.sockets[0].getsockname()[1]
        yield mailbox


@asynccontextmanager
async def line_server(
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[int]:
    """Port of a server that lets `talk` have each connection, then closes it."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        except ConnectionError:
            return
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def lose_after_data(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Speaks SMTP up to the end of the message and hangs up without an answer to it."""
    writer.write(b"220 mail.example.com\r\n")
    while line := await reader.readline():
        if line.upper().startswith(b"DATA"):
            writer.write(b"354 go on\r\n")
            while await reader.readline() != b".\r\n":
                continue
            return
        writer.write(b"250 OK\r\n")
