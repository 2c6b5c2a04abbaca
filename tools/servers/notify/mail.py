"""Hands one e-mail to the mail server, step by step, to know how far it got."""

import smtplib
import socket
import ssl
from contextlib import suppress
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Literal

from tools.servers.notify.outcome import Outcome
from tools.servers.notify.settings import MailServer

TIMEOUT_S = 20.0
"""Longest wait for any single answer of the mail server."""


def compose(
    *, sender: str, to: str, subject: str, body: str, message_id: str, date: datetime
) -> bytes:
    """The message as it goes over the wire; `date` must carry its time zone."""
    # 7bit, because not every mail server announces 8BITMIME.
    message = EmailMessage(policy=SMTP.clone(cte_type="7bit"))
    message["From"] = sender
    message["To"] = to
    message["Subject"] = subject
    message["Date"] = format_datetime(date)
    message["Message-ID"] = message_id
    # Keeps holiday replies of the recipient's mail server from answering a program.
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(body)
    return message.as_bytes()


def deliver(server: MailServer, sender: str, to: str, message: bytes) -> Outcome:
    """Hand the message over; blocks up to a few times TIMEOUT_S, so run it in a thread."""
    try:
        # With the host given here, and not to connect(), STARTTLS can check the certificate's name.
        client = smtplib.SMTP(server.host, server.port, _own_name(), timeout=TIMEOUT_S)
    except (smtplib.SMTPException, OSError) as error:
        return _failed(server, error)
    handed_over = False
    try:
        _open(client, server)
        _accept(client.mail(sender))
        _accept(client.rcpt(to))
        handed_over = True
        code, answer = client.data(message)
        state: Literal["sent", "failed"] = "sent" if code == 250 else "failed"
        return Outcome(state=state, detail=f"{code} {_readable(answer)}")
    except (smtplib.SMTPException, OSError) as error:
        failed = _failed(server, error)
        # An answer is a clear no; silence after the message was handed over is not.
        clear = isinstance(error, smtplib.SMTPResponseException) or not handed_over
        return failed if clear else Outcome(state="unknown", detail=failed.detail)
    finally:
        # The outcome is known; whatever happens while leaving cannot change it.
        with suppress(smtplib.SMTPException, OSError):
            client.quit()
        client.close()


def _failed(server: MailServer, error: smtplib.SMTPException | OSError) -> Outcome:
    if isinstance(error, smtplib.SMTPResponseException):
        detail = f"{error.smtp_code} {_readable(error.smtp_error)}"
    else:
        detail = f"{server.host}:{server.port}: {error or type(error).__name__}"
    return Outcome(state="failed", detail=detail)


def _open(client: smtplib.SMTP, server: MailServer) -> None:
    client.ehlo_or_helo_if_needed()
    if server.starttls:
        # Without a context of ours the library would accept any certificate.
        client.starttls(context=ssl.create_default_context())
        client.ehlo()
    if server.user is not None and server.password is not None:
        client.login(server.user, server.password)


def _accept(reply: tuple[int, bytes]) -> None:
    code, text = reply
    if code not in (250, 251):
        raise smtplib.SMTPResponseException(code, text)


def _own_name() -> str:
    # smtplib would ask the name service, which can take seconds and leaves the machine.
    name = socket.gethostname()
    return name if "." in name else "[127.0.0.1]"


def _readable(text: bytes | str) -> str:
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else text
