"""What every call through the gate needs: the rules, the books, and what is remembered of runs."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from ledger.files import Quotas
from ledger.store import Ledger
from runtime.labels import Label
from tools.effects import Effects
from tools.masking import Masking
from tools.origins import Origins
from tools.policy import Policy
from tools.rates import Rates
from tools.recall import Recall

_RUNS = 1_000


class Labels:
    """The label that each run had when it was last looked at.

    Nothing is decided by it alone: the ledger compares it when the decision is recorded. So a
    read whose run kept its label needs no look at the ledger before it is decided.
    """

    def __init__(self) -> None:
        self._runs: OrderedDict[str, Label] = OrderedDict()

    def of(self, run: str) -> Label | None:
        """None for a run that was not looked at, or not lately."""
        return self._runs.get(run)

    def keep(self, run: str, label: Label) -> None:
        """Remember what the ledger said."""
        self._runs[run] = label
        self._runs.move_to_end(run)
        if len(self._runs) > _RUNS:
            self._runs.popitem(last=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """Of one gateway."""

    policy: Policy
    ledger: Ledger
    effects: Effects
    quotas: Quotas
    origins: Origins
    rates: Rates
    recall: Recall
    masking: Masking
    labels: Labels = field(default_factory=Labels)
