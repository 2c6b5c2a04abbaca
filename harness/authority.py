"""What a child may do: never more than its parent, at any depth."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from harness.limits import Limits
from runtime.labels import Label


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """What one job may do. A child's authority comes from `for_child` alone."""

    label: Label
    """The most sensitive data that it may work on."""
    tools: frozenset[str]
    limits: Limits
    depth: int
    """Plans that may still be nested below this one."""

    @classmethod
    def at_top(cls, *, label: Label, tools: Collection[str], limits: Limits) -> Authority:
        """The authority of a job that no other job started; its own plan is the first level."""
        return cls(label=label, tools=frozenset(tools), limits=limits, depth=limits.depth - 1)

    def for_child(
        self,
        *,
        label: Label,
        tools: Collection[str],
        limits: Limits,
        needs: Collection[str] = (),
        plans: bool = True,
    ) -> Grant:
        """What a child gets that would like this much, or why there can be no such child.

        Args:
            label: The data that the child works on.
            tools: What the child's specialist declares; those that the parent lacks fall away.
            limits: The limits of the child's effort class.
            needs: Tools without which the child cannot do its task.
            plans: Whether the child makes a plan of its own, which costs one level of depth.
        """
        refused = self._refusals(label, frozenset(tools), needs, plans)
        if refused:
            return Grant(authority=None, reasons=refused)
        lower = limits.within(self.limits)
        # The child is one task of its parent: its whole job is paid out of that task's share.
        share = {
            "dollars": min(lower.dollars, self.limits.task_dollars),
            "job_tokens": min(lower.job_tokens, self.limits.task_tokens),
        }
        lower = lower.model_copy(update=share)
        left = min(self.depth - 1, lower.depth - 1) if plans else 0
        child = Authority(
            label=label, tools=self.tools & frozenset(tools), limits=lower, depth=left
        )
        return Grant(authority=child)

    def _refusals(
        self, label: Label, tools: frozenset[str], needs: Collection[str], plans: bool
    ) -> tuple[str, ...]:
        found = []
        if not self.label.permits(label):
            found.append(
                f"It works on {label.value} data, and this job only on {self.label.value}."
            )
        for tool in sorted(set(needs) - self.tools):
            found.append(f"It needs tool {tool!r}, which this job may not use itself.")
        for tool in sorted((set(needs) & self.tools) - tools):
            found.append(f"It needs tool {tool!r}, which its own specialist does not declare.")
        if plans and self.depth < 1:
            found.append(
                f"It would be a plan within a plan beyond limit 'depth' of {self.limits.depth};"
                " raise it in config/limits.yaml, or let a worker do the task."
            )
        return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """The authority of a child, or `None` with the reasons, one sentence each."""

    authority: Authority | None
    reasons: tuple[str, ...] = ()
