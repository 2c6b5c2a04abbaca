"""Runs the notification server: `python -m tools.servers.notify`."""

from tools.servers.launch import Program, launch

PROGRAM = Program(
    name="notify",
    summary="Sends e-mail and webhooks; every message is recorded in an outbox first.",
    environment=(
        ("SWITCHYARD_OUTBOX", "SQLite file of the outbox (default .switchyard/outbox.sqlite)"),
        ("SWITCHYARD_SMTP_HOST", "mail server; without it e-mail stays queued in the outbox"),
        ("SWITCHYARD_SMTP_PORT", "its port (default 587 with STARTTLS, else 25)"),
        (
            "SWITCHYARD_SMTP_STARTTLS",
            "1 encrypts before anything is sent (default 0)",
        ),
        ("SWITCHYARD_SMTP_USER", "log in as this user (default: no login)"),
        ("SWITCHYARD_SMTP_PASSWORD", "the user's password"),
        ("SWITCHYARD_MAIL_FROM", "sender's address (default switchyard@localhost)"),
        ("SWITCHYARD_WEBHOOK_HOSTS", "allowed hosts, by comma (default localhost,127.0.0.1,::1)"),
    ),
)

if __name__ == "__main__":
    raise SystemExit(launch(PROGRAM))
