"""A call that brought no whole answer, in the words of this room."""

from __future__ import annotations

OVERFLOW = "context_overflow"
"""The fault of a prompt that does not fit into a deployment's window."""
FORBIDDEN = "forbidden"
NOT_FOUND = "not_found"
_OF_A_REQUEST = frozenset({OVERFLOW, FORBIDDEN, NOT_FOUND})
"""What a single request can bring about by what it holds or refers to."""


class Outage(Exception):
    """A call that brought no whole answer. Stays inside this room."""

    def __init__(
        self,
        fault: str,
        message: str,
        *,
        elsewhere: bool,
        billed: bool,
        again: bool = False,
        retry_after: float | None = None,
    ) -> None:
        self.fault = fault
        self.message = message
        self.elsewhere = elsewhere
        """Another deployment may fare better."""
        self.billed = billed
        """The provider may charge for it."""
        self.again = again
        """The same deployment may fare better in a moment."""
        self.retry_after = retry_after
        """Seconds after which the provider wants to be asked again, where it said so."""
        super().__init__(f"{fault}: {message}")

    @property
    def sick(self) -> bool:
        """It tells something about the deployment, and not about the request: nobody's request
        may close a deployment to all others."""
        return self.elsewhere and self.fault not in _OF_A_REQUEST
