"""What came of one attempt to deliver; shared by e-mail and webhooks."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The end of an attempt.

    `unknown` means that the other side may or may not have taken the message: the connection
    broke after the message had been handed over and before it was confirmed.
    """

    state: Literal["sent", "failed", "unknown"]
    detail: str
