"""Whose credentials a call is made with: those of its tenant, or of nobody."""

from __future__ import annotations

from tools.credentials import EVERYBODY, Credentials
from tools.live import Withheld


def entry_of(server: str, listed: Credentials, tenant: str) -> str:
    """The key under which a tenant's credentials stand; `EVERYBODY` where the server has none.

    Raises:
        Withheld: others have credentials there, and this tenant has not.
    """
    if not listed:
        return EVERYBODY
    name = tenant if tenant in listed else EVERYBODY
    if name not in listed:
        raise Withheld(
            server,
            f"Tenant {tenant!r} has no credentials there.",
            remedy="Nothing was sent. An operator adds them under switchyard.credentials of"
            " its entry in config/mcp.json.",
        )
    return name
