"""Every error that Switchyard raises on purpose, split by who has to act on it.

    SwitchyardError
    ├── UserError              the caller mends the request and sends it again
    │   ├── RequestError         a field of the request is wrong
    │   ├── UnknownRun           no run, approval or task of that id
    │   ├── RunTaken             another process drives the run
    │   ├── AsyncOnly            a model was called without `await`
    │   └── NoStep               the checkpoints hold no step of the run to go on from
    ├── ConfigError            the operator mends a file (carries file and line)
    ├── OperatorError          the operator is told: something outside does not work
    │   ├── ServerUnavailable    an MCP server did not start, or is gone
    │   ├── ModelUnavailable     every cleared deployment of a tier failed
    │   └── LedgerUnavailable    the ledger cannot be read or written
    ├── ModelFault             the model's answer is unusable; it may be asked again
    ├── PlanRejected           a plan failed its checks, also after repair
    ├── TaskFailed             a task ended without an accepted result
    ├── RunCancelled           somebody asked for the end of the run
    ├── SelectionFailed        a JMESPath expression does not fit the value it is applied to
    ├── BoundaryBreach         a data label forbids this deployment or tool
    └── LimitBreached          a limit or budget would be passed; stopped before the act
        └── BudgetExceeded       the reservation does not fit under the ceiling

Each carries its data as attributes and the remedy in words; `str()` is what a person reads.
"""

from __future__ import annotations

from pathlib import Path


class SwitchyardError(Exception):
    """Base of all of them. `message` says what is wrong, `remedy` what to do next."""

    def __init__(self, message: str, *, remedy: str = "") -> None:
        self.message = message
        self.remedy = remedy
        super().__init__(f"{message} {remedy}".strip())


class UserError(SwitchyardError):
    """The caller's mistake: shown without a traceback."""


class RequestError(UserError):
    """A field of a request is wrong."""

    def __init__(self, message: str, *, field: str, value: object, remedy: str) -> None:
        self.field = field
        self.value = value
        super().__init__(f"{field}: {message}", remedy=remedy)


class UnknownRun(UserError):
    """Nothing in the ledger has this id."""

    def __init__(self, kind: str, id: str, *, remedy: str) -> None:
        self.kind = kind
        self.id = id
        super().__init__(f"There is no {kind} {id!r} in the ledger.", remedy=remedy)


class RunTaken(UserError):
    """A run is driven by another process, or has ended, so that this one may not go on with it."""

    def __init__(self, run: str, holder: str) -> None:
        self.run = run
        self.holder = holder
        where = f"is driven by process {holder}" if holder else "has ended"
        super().__init__(
            f"Run {run} {where}.",
            remedy=f"Wait for it, or look at it with: switchyard runs show {run}",
        )


class NoStep(UserError):
    """The checkpoints hold no step from which a run could go on."""

    def __init__(self, run: str) -> None:
        self.run = run
        super().__init__(f"Run {run} left no step to go on from.", remedy="Send the request again.")


class AsyncOnly(UserError):
    """A model was called by a way that cannot wait for boundary and ledger; nothing was sent."""

    def __init__(self, way: str) -> None:
        self.way = way
        super().__init__(
            f"Models are called asynchronously; {way} is not.",
            remedy="Use `await chat.ainvoke(...)`, `chat.astream(...)` or `chat.abatch(...)`.",
        )


class ConfigError(SwitchyardError):
    """A file that an operator edits is wrong. `line` counts from 1; 0 when unknown."""

    def __init__(
        self, message: str, *, file: Path | str, line: int = 0, field: str = "", remedy: str
    ) -> None:
        self.file = str(file)
        self.line = line
        self.field = field
        self.reason = message
        super().__init__(f"{self.file}:{line}: {message}", remedy=remedy)


class OperatorError(SwitchyardError):
    """Something outside of Switchyard does not work."""


class ServerUnavailable(OperatorError):
    """An MCP server did not start or went away."""

    def __init__(self, server: str, reason: str, *, remedy: str) -> None:
        self.server = server
        self.reason = reason
        super().__init__(f"Tool server {server!r} is not available: {reason}", remedy=remedy)


class ModelUnavailable(OperatorError):
    """No cleared deployment of a tier answered. `tried` names each with its fault.

    `retry_after` are the seconds after which the soonest wants to be asked again, if any said so.
    """

    def __init__(
        self,
        tier: str,
        *,
        tried: tuple[tuple[str, str], ...],
        remedy: str,
        retry_after: float | None = None,
    ) -> None:
        self.tier = tier
        self.tried = tried
        self.retry_after = retry_after
        faults = "; ".join(f"{model}: {fault}" for model, fault in tried) or "none configured"
        super().__init__(f"No deployment of tier {tier!r} answered ({faults}).", remedy=remedy)


class LedgerUnavailable(OperatorError):
    """The ledger cannot be read or written; nothing may go on without it."""


class ModelFault(SwitchyardError):
    """A model's answer is unusable as it stands. `fault` is a short stable name."""

    def __init__(self, fault: str, message: str, *, model: str = "") -> None:
        self.fault = fault
        self.model = model
        super().__init__(message)


class PlanRejected(SwitchyardError):
    """A plan failed its checks. `problems` holds one sentence each."""

    def __init__(self, specialist: str, problems: tuple[str, ...]) -> None:
        self.specialist = specialist
        self.problems = problems
        super().__init__(
            f"The plan for {specialist!r} was refused: " + " ".join(problems),
            remedy="Nothing was executed. Narrow the request, or mend the specialist's plan.",
        )


class TaskFailed(SwitchyardError):
    """A task ended without an accepted result."""

    def __init__(self, run: str, task: str, reason: str) -> None:
        self.run = run
        self.task = task
        self.reason = reason
        super().__init__(f"Task {task!r} failed: {reason}")


class RunCancelled(SwitchyardError):
    """Somebody asked for the end of a run; its workers have ended when this is raised."""

    def __init__(self, run: str, by: str) -> None:
        self.run = run
        self.by = by
        super().__init__(f"Run {run} was cancelled by {by}.")


class SelectionFailed(SwitchyardError):
    """A JMESPath expression does not fit the value that it is applied to."""

    def __init__(self, expression: str, reason: str) -> None:
        self.expression = expression
        self.reason = reason
        super().__init__(f"Selecting {expression!r} failed: {reason}")


class BoundaryBreach(SwitchyardError):
    """Data of this label may not go there. `sent`: a part of the same call had left before, to
    where it may."""

    def __init__(
        self, label: str, target: str, cleared: str, *, remedy: str = "", sent: bool = False
    ) -> None:
        self.label = label
        self.target = target
        self.cleared = cleared
        self.sent = sent
        super().__init__(
            f"{target} is cleared up to {cleared!r}, the run carries {label!r} data.",
            remedy=remedy or "Clear a deployment or tool for that label in its configuration file.",
        )


class LimitBreached(SwitchyardError):
    """A limit would be passed. Stopped before the act."""

    def __init__(
        self,
        limit: str,
        *,
        allowed: float,
        wanted: float,
        file: str,
        message: str = "",
        remedy: str = "",
    ) -> None:
        self.limit = limit
        self.allowed = allowed
        self.wanted = wanted
        self.file = file
        super().__init__(
            message or f"Limit {limit!r} is {allowed:,.10g}, {wanted:,.10g} was wanted.",
            remedy=remedy or f"Raise it in {file}, or ask for less.",
        )


class BudgetExceeded(LimitBreached):
    """The worst case of a call does not fit under a ceiling; nothing was sent.

    `wanted` is what would be spent and set aside with it. Both figures are US dollars or tokens,
    as `unit` says.
    """

    def __init__(
        self,
        scope: str,
        *,
        allowed: float,
        wanted: float,
        file: str,
        level: str = "request",
        unit: str = "dollars",
        tenant: str = "",
        free_at: float | None = None,
        message: str = "",
        remedy: str = "",
    ) -> None:
        self.scope = scope
        self.level = level
        """`day`, `tenant`, `request`, `job`, `task` or `call`, from wide to narrow."""
        self.unit = unit
        """`dollars` or `tokens`."""
        self.tenant = tenant
        """Whose day it is, where `level` is `tenant`."""
        self.free_at = free_at
        """When the ceiling of a day begins anew, in UTC seconds; None for all others."""
        super().__init__(
            f"{level} budget of {scope}" if scope else f"{level} budget",
            allowed=allowed,
            wanted=wanted,
            file=file,
            message=message,
            remedy=remedy,
        )
