"""The durable record of every message: written before it leaves, completed when it has left."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from tools.servers.errors import BadArgument, BadSetup
from tools.servers.notify.outcome import Outcome
from tools.servers.notify.records import Channel, Delivery, Message, Outbox, Status

_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS messages (id INTEGER PRIMARY KEY, channel TEXT NOT NULL, "
    "target TEXT NOT NULL, subject TEXT, content BLOB NOT NULL, status TEXT NOT NULL, "
    "message_id TEXT NOT NULL, idempotency_key TEXT UNIQUE, created_at TEXT NOT NULL, "
    "finished_at TEXT, detail TEXT NOT NULL)"
)
_SHOWN = (
    "id, channel, target, subject, status, message_id, idempotency_key, created_at, finished_at, "
    "detail"
)
_CORRECT = "Correct the cause given in detail, then send again with a new idempotency key"
_ASK = (
    "Do not send again on your own: have a person find out whether it arrived, then use a new "
    "idempotency key"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A message as the caller wants it."""

    channel: Channel
    target: str
    subject: str | None
    content: bytes
    key: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What the outbox says about a draft: send it now, or take the recorded outcome."""

    message: Message
    send: bool
    recorded: bool
    """True if an earlier call had recorded it."""


class OutboxFile:
    """The outbox in one SQLite file; every method opens its own connection and may run in a thread.

    A row is on disk before its method returns, so that a crash leaves a `pending` row behind and
    never an unrecorded message.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def prepare(self) -> None:
        """Make the file if need be.

        Raises:
            BadSetup: it cannot be written.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._connected() as db:
                db.execute(_SCHEMA)
                db.execute(f"SELECT {_SHOWN}, content FROM messages LIMIT 1")
        except (sqlite3.Error, OSError) as error:
            remedy = "Name a file that can be read and written, or a new one"
            raise BadSetup("SWITCHYARD_OUTBOX", str(self._path), str(error), remedy) from error

    def claim(self, draft: Draft, domain: str, *, can_send: bool) -> Claim:
        """Record the draft, or find what an earlier call with its key came to.

        A message that is still queued is claimed again once it can be sent.

        Raises:
            BadArgument: the key belongs to another message, or the outcome of the earlier attempt
                is not known.
        """
        with self._connected() as db:
            # Taken before the look-up, so that two calls with one key cannot both find nothing.
            db.execute("BEGIN IMMEDIATE")
            earlier = _find(db, draft)
            if earlier is None:
                message = _insert(db, draft, domain, "pending" if can_send else "queued")
                return Claim(message=message, send=can_send, recorded=False)
            if earlier.status == "queued" and can_send:
                db.execute("UPDATE messages SET status = 'pending' WHERE id = ?", (earlier.id,))
                return Claim(message=earlier, send=True, recorded=True)
            return Claim(message=earlier, send=False, recorded=True)

    def finish(self, message: Message, outcome: Outcome) -> Delivery:
        """Record how the attempt ended; an unknown outcome stays pending."""
        ended = outcome.state != "unknown"
        status: Status = "pending" if outcome.state == "unknown" else outcome.state
        with self._connected() as db:
            db.execute(
                "UPDATE messages SET status = ?, finished_at = ?, detail = ? WHERE id = ?",
                (status, _now() if ended else None, outcome.detail, message.id),
            )
            row = db.execute(f"SELECT {_SHOWN} FROM messages WHERE id = ?", (message.id,))
            return report(_message(row.fetchone()), already_recorded=False)

    def newest(self, limit: int) -> Outbox:
        """The newest messages, without their content."""
        with self._connected() as db:
            query = f"SELECT {_SHOWN} FROM messages ORDER BY id DESC LIMIT ?"
            rows = db.execute(query, (limit,)).fetchall()
            total: int = db.execute("SELECT count(*) FROM messages").fetchone()[0]
        return Outbox(total=total, messages=[_message(row) for row in rows])

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=10)) as connection:
            connection.row_factory = sqlite3.Row
            with connection:
                yield connection


def report(message: Message, *, already_recorded: bool) -> Delivery:
    """The outcome of a call, with the remedy for a message that was not sent."""
    remedies = {
        "queued": "Set SWITCHYARD_SMTP_HOST, restart the server and send again with the same "
        "idempotency key; until then nobody receives this message",
        "failed": _CORRECT,
        "pending": _ASK,
    }
    return Delivery(
        **message.model_dump(),
        already_recorded=already_recorded,
        remedy=remedies.get(message.status),
    )


def _find(db: sqlite3.Connection, draft: Draft) -> Message | None:
    if draft.key is None:
        return None
    row = db.execute("SELECT * FROM messages WHERE idempotency_key = ?", (draft.key,)).fetchone()
    if row is None:
        return None
    wanted = (draft.channel, draft.target, draft.subject, draft.content)
    if (row["channel"], row["target"], row["subject"], row["content"]) != wanted:
        problem = f"it belongs to another message, number {row['id']} to {row['target']}"
        raise BadArgument("idempotency_key", draft.key, problem, "Use a new key for a new message")
    if row["status"] == "pending":
        problem = (
            f"message {row['id']} with this key was begun at {row['created_at']} and its outcome "
            "is not known: it may have arrived, or may still be under way"
        )
        raise BadArgument("idempotency_key", draft.key, problem, _ASK)
    return _message(row)


def _insert(db: sqlite3.Connection, draft: Draft, domain: str, status: Status) -> Message:
    insert = (
        "INSERT INTO messages (channel, target, subject, content, status, message_id, "
        f"idempotency_key, created_at, detail) VALUES ({', '.join('?' * 9)}) RETURNING {_SHOWN}"
    )
    own = f"{uuid4().hex}@{domain}"
    # Another system that knows the caller's key can recognise the post by it.
    message_id = f"<{own}>" if draft.channel == "email" else draft.key or own
    detail = "no mail server is set" if status == "queued" else "begun"
    values = (draft.channel, draft.target, draft.subject, draft.content, status, message_id)
    return _message(db.execute(insert, (*values, draft.key, _now(), detail)).fetchone())


def _message(row: sqlite3.Row) -> Message:
    return Message.model_validate({name: row[name] for name in Message.model_fields})


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
