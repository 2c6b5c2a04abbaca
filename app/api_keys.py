"""The keys of the API: who holds which, and what a caller presented.

The LangGraph server and the MCP facade know callers by the same keys.
"""

from __future__ import annotations

import hmac

from runtime.errors import ConfigError

Headers = dict[bytes, bytes]


def keys_of(text: str) -> dict[str, str]:
    """The keys by name.

    Raises:
        ConfigError: an entry is not `name:key`, or a name stands twice.
    """
    keys: dict[str, str] = {}
    for number, entry in enumerate((one for one in text.split(",") if one.strip()), start=1):
        name, _, key = (part.strip() for part in entry.partition(":"))
        if not name or not key or name in keys or name == "anonymous":
            # The entry is not shown: it may be a key without a name.
            raise ConfigError(
                f"SWITCHYARD_API_KEYS: entry {number} is not a new name with a key",
                file="environment",
                field="SWITCHYARD_API_KEYS",
                remedy="Write it as name:key,other-name:other-key.",
            )
        keys[name] = key
    return keys


def holder(keys: dict[str, str], presented: str) -> str:
    """The name whose key this is; empty for none. Takes the same time whichever it is."""
    found = ""
    for name, key in keys.items():
        if hmac.compare_digest(key.encode(), presented.encode()):
            found = name
    return found


def presented_key(headers: Headers) -> str:
    """The key in `x-api-key`, or in `Authorization: Bearer`."""
    direct = headers.get(b"x-api-key", b"").decode("latin-1").strip()
    scheme, _, token = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    return direct or (token.strip() if scheme.casefold() == "bearer" else "")
