"""The first stage: an explicit address decides, and nothing else does."""

from __future__ import annotations

import re
from collections.abc import Mapping

from agents.routing.decision import Route, single
from agents.spec import Specialist
from runtime.errors import RequestError

_ADDRESS = re.compile(r"^\s*@([A-Za-z][A-Za-z0-9-]*)[:,]?\s+(.*)$", re.DOTALL)


def by_rule(text: str, specialists: Mapping[str, Specialist], hint: str = "") -> Route | None:
    """The route that the caller asked for: `hint`, or `@name` before the request.

    Raises:
        RequestError: a specialist is addressed that does not exist.
    """
    address = _ADDRESS.match(text)
    name = hint or (address.group(1) if address else "")
    if not name:
        return None
    if name not in specialists:
        raise RequestError(
            f"there is no specialist {name!r}",
            field="specialist",
            value=name,
            remedy=f"Address one of: {', '.join(sorted(specialists))}.",
        )
    words = address.group(2) if address and not hint else text
    how = "the caller named it" if hint else f"the request is addressed to @{name}"
    return single(words.strip(), name, "rule", f"{name}: {how}.")
