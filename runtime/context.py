"""Who acts, for whom and within what: handed down explicitly to every tool and model call."""

from __future__ import annotations

from dataclasses import dataclass, replace

from runtime.labels import Label


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """The identity under which a call is made, checked, paid for and recorded.

    `task` is unique within the run: `d1` for a dispatch, `d1/review-03` for a task of its plan.
    """

    run: str
    tenant: str = "local"
    user: str = "local"
    label: Label = Label.internal
    """The label at the start; the ledger holds the present one, which only rises."""
    docs: str = ""
    """Absolute path of the folder that this run may read; empty for none."""
    specialist: str = ""
    task: str = ""
    attempt: int = 1
    tools: frozenset[str] = frozenset()
    """Tools that the specialist's file declares; nothing outside of it is ever permitted."""
    foreseen: frozenset[str] = frozenset()
    """Tools that the plan names for this task, before any untrusted text was read."""
    strange: tuple[str, ...] = ()
    """Texts of the request that strangers wrote: inputs that a specialist calls untrusted."""
    asks_effects: bool = False
    """A specialist on the way here wants a person before every effect (`approval: effects`)."""
    scopes: tuple[str, ...] = ()
    """Budgets below the run's own that pay as well, the widest first."""

    @property
    def budgets(self) -> tuple[str, ...]:
        """Every budget that a call of this context is set aside in."""
        return (self.run, *self.scopes)

    def at(
        self,
        *,
        task: str,
        specialist: str | None = None,
        attempt: int = 1,
        foreseen: frozenset[str] = frozenset(),
    ) -> RunContext:
        """The same run seen from one of its tasks."""
        return replace(
            self,
            task=task,
            specialist=self.specialist if specialist is None else specialist,
            attempt=attempt,
            foreseen=foreseen,
        )
