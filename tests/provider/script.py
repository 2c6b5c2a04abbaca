"""A brain that says what the test wrote down, in order or where a message matches.
When it has nothing left to say the request fails loudly, and the script remembers which one."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from tests.provider.exchange import Exchange, Reply
from tests.provider.faults import Fault, HttpError

Line: TypeAlias = str | Reply | Fault | Callable[[Exchange], "str | Reply | Fault"]
Test: TypeAlias = str | re.Pattern[str] | Callable[[Exchange], bool]


@dataclass(frozen=True, slots=True)
class When:
    """Says `line` whenever `test` holds, at most `times` times. A regular expression is searched
    in the text of the last message."""

    test: Test
    line: Line
    times: int | None = None

    def holds(self, exchange: Exchange) -> bool:
        if isinstance(self.test, str | re.Pattern):
            return re.search(self.test, exchange.last.text) is not None
        return self.test(exchange)


class Script:
    """`Script("first", Reply(...), rate_limited(), When("refund", "of course"))`.

    A `When` that holds goes before the plain lines, which are said in order. A line may be a
    function of the exchange, for example to cite the id of a call.
    """

    def __init__(self, *lines: Line | When) -> None:
        self._rules = [line for line in lines if isinstance(line, When)]
        self._uses = [0] * len(self._rules)
        self._lines = [line for line in lines if not isinstance(line, When)]
        self._said = 0
        self.unanswered: list[Exchange] = []
        """The requests for which there was no line."""

    @property
    def finished(self) -> bool:
        """All plain lines were said, and none was missing."""
        return self._said == len(self._lines) and not self.unanswered

    def reply(self, exchange: Exchange) -> Reply | Fault:
        line = self._next(exchange)
        if line is None:
            self.unanswered.append(exchange)
            return self._exhausted()
        said = line(exchange) if callable(line) else line
        return Reply(text=said) if isinstance(said, str) else said

    def _next(self, exchange: Exchange) -> Line | None:
        for i, rule in enumerate(self._rules):
            if (rule.times is None or self._uses[i] < rule.times) and rule.holds(exchange):
                self._uses[i] += 1
                return rule.line
        if self._said == len(self._lines):
            return None
        self._said += 1
        return self._lines[self._said - 1]

    def _exhausted(self) -> HttpError:
        message = (
            f"the script has {len(self._lines)} lines and {len(self._rules)} rules, and none for "
            f"this request ({len(self.unanswered)} unanswered so far); add a line or a When"
        )
        return HttpError(status=400, message=message, code="script_exhausted")
