"""What the operator set for the notification server, read and checked once when it starts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tools.servers.errors import BadArgument, BadSetup
from tools.servers.notify.address import check_address

LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """Where e-mail is handed over."""

    host: str
    port: int
    starttls: bool
    user: str | None
    password: str | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings of the server."""

    outbox: Path
    mail_server: MailServer | None
    sender: str
    webhook_hosts: frozenset[str]
    """Host names, or `host:port` where only that port is allowed; lower case."""


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Settings from environment variables; an empty variable counts as not set.

    Raises:
        BadSetup: a variable has a value that cannot be used.
    """
    given = {name: value.strip() for name, value in environment.items() if value.strip()}
    hosts = given.get("SWITCHYARD_WEBHOOK_HOSTS", ",".join(LOOPBACK)).lower().split(",")
    return Settings(
        outbox=Path(given.get("SWITCHYARD_OUTBOX", Path(".switchyard", "outbox.sqlite"))),
        mail_server=_mail_server(given),
        sender=_sender(given.get("SWITCHYARD_MAIL_FROM", "switchyard@localhost")),
        webhook_hosts=frozenset(host.strip() for host in hosts if host.strip()),
    )


def _mail_server(given: Mapping[str, str]) -> MailServer | None:
    host = given.get("SWITCHYARD_SMTP_HOST")
    starttls = _switch("SWITCHYARD_SMTP_STARTTLS", given.get("SWITCHYARD_SMTP_STARTTLS", "0"))
    port = _port("SWITCHYARD_SMTP_PORT", given.get("SWITCHYARD_SMTP_PORT"), 587 if starttls else 25)
    user = given.get("SWITCHYARD_SMTP_USER")
    password = given.get("SWITCHYARD_SMTP_PASSWORD")
    if host is None:
        return None
    if (user is None) != (password is None):
        missing = "SWITCHYARD_SMTP_USER" if user is None else "SWITCHYARD_SMTP_PASSWORD"
        raise BadSetup(missing, None, "only one half of the login is set", "Set both or none")
    if user is not None and not starttls and host.lower() not in LOOPBACK:
        problem = "the password would cross the network unencrypted"
        raise BadSetup("SWITCHYARD_SMTP_STARTTLS", "0", problem, "Set it to 1")
    return MailServer(host=host, port=port, starttls=starttls, user=user, password=password)


def _sender(text: str) -> str:
    try:
        return check_address("SWITCHYARD_MAIL_FROM", text)
    except BadArgument as error:
        raise BadSetup(error.field, error.value, error.problem, error.remedy) from error


def _switch(name: str, text: str) -> bool:
    values = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
    if text.lower() not in values:
        raise BadSetup(name, text, "it is neither yes nor no", "Use 1 or 0")
    return values[text.lower()]


def _port(name: str, text: str | None, default: int) -> int:
    if text is None:
        return default
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise BadSetup(name, text, "it is not a port", "Use a number from 1 to 65535")
    return int(text)
