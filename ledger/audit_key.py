"""The secret that the audit is chained with: given, or made once and kept beside the ledger.

Whoever can change the database but does not know the secret cannot make a row that verifies.
"""

from __future__ import annotations

import hmac
import os
import secrets
from contextlib import suppress
from pathlib import Path

from ledger.address import Address
from runtime.errors import ConfigError, LedgerUnavailable
from runtime.settings import load

FILE = "audit.key"
"""Beside the file of the ledger; for a served ledger, below SWITCHYARD_HOME."""

_BYTES = 32
_SHORTEST = 16


def key_for(address: Address) -> bytes:
    """The secret of an installation: SWITCHYARD_AUDIT_KEY, else that of its file.

    The file is made on first use, with mode 0600; of several processes that do so, one wins and
    all read the same. It reads files, so call it in a thread.

    Raises:
        ConfigError: the secret that was given is too short.
        LedgerUnavailable: the file can neither be read nor made.
    """
    settings = load()
    if given := settings.audit_key.get_secret_value().strip():
        if len(given) < _SHORTEST:
            raise ConfigError(
                f"SWITCHYARD_AUDIT_KEY has {len(given)} characters.",
                file="environment",
                field="SWITCHYARD_AUDIT_KEY",
                remedy=f"Give it at least {_SHORTEST}, such as what `openssl rand -hex 32` prints.",
            )
        return given.encode()
    file = _beside(address, settings.home)
    return secrets.token_bytes(_BYTES) if file is None else _kept(file)


def fingerprint(key: bytes) -> str:
    """Tells one secret from another without telling either."""
    return hmac.digest(key, b"fingerprint", "sha256").hex()[:16]


def _beside(address: Address, home: Path) -> Path | None:
    """Where the secret is kept; None for a ledger in memory, which ends with its process."""
    if address.dialect != "sqlite":
        return home.resolve() / FILE
    database = address.url.database
    if not database or database == ":memory:" or database.startswith("file:"):
        return None
    return Path(database).parent / FILE


def _kept(file: Path) -> bytes:
    try:
        if not file.exists():
            _make(file)
        key = bytes.fromhex(file.read_text().strip())
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it does not hold a key"
        raise _unusable(file, reason) from error
    if len(key) < _SHORTEST:
        raise _unusable(file, "it does not hold a whole key")
    return key


def _make(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f"{FILE}.{os.getpid()}-{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w") as stream:
            stream.write(secrets.token_hex(_BYTES) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        # A link appears whole or not at all, and never in the place of another one.
        with suppress(FileExistsError):
            file.hardlink_to(draft)
    finally:
        draft.unlink()


def _unusable(file: Path, reason: str) -> LedgerUnavailable:
    return LedgerUnavailable(
        f"The key of the audit, {file}, cannot be used: {reason}.",
        remedy="Put the key back that was there, or give it by SWITCHYARD_AUDIT_KEY; a new key"
        " cannot verify what an older one has chained.",
    )
