"""Who is behind a call of the graph, as the server authenticated them."""

from __future__ import annotations

from collections.abc import Mapping

from langgraph.config import get_config


def authenticated() -> str:
    """The name that the caller proved; empty where nobody had to prove any."""
    principal = get_config().get("configurable", {}).get("langgraph_auth_user")
    identity = getattr(principal, "identity", None) or (
        principal.get("identity") if isinstance(principal, Mapping) else None
    )
    return str(identity) if identity and identity != "anonymous" else ""
