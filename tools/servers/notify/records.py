"""What the notification tools return; the field descriptions are part of their output schema."""

from typing import Literal

from pydantic import Field

from tools.servers.server import Record

Channel = Literal["email", "webhook"]
Status = Literal["queued", "pending", "sent", "failed"]

_TIME = "UTC, ISO 8601."


class Message(Record):
    """A message and what became of it."""

    id: int = Field(description="Number in the outbox.")
    channel: Channel
    target: str = Field(description="The recipient's address, or the URL.")
    subject: str | None = Field(description="Of an e-mail.")
    status: Status = Field(
        description="queued: not sent, there is no mail server; pending: sending was begun and its "
        "outcome is not known; sent: accepted by the other side; failed: refused or not reachable."
    )
    message_id: str = Field(description="Message-ID of the e-mail, or Idempotency-Key of the post.")
    idempotency_key: str | None
    created_at: str = Field(description=_TIME)
    finished_at: str | None = Field(description=f"When it was sent or failed. {_TIME}")
    detail: str = Field(description="What the other side or the network answered.")


class Delivery(Message):
    """The outcome of one call."""

    already_recorded: bool = Field(
        description="True if an earlier call with the same idempotency key had this outcome; "
        "nothing was sent now."
    )
    remedy: str | None = Field(description="What to do if the message was not sent.")


class Outbox(Record):
    """Messages in the outbox, newest first."""

    total: int = Field(description="Messages in all, of which at most `limit` are listed.")
    messages: list[Message]
