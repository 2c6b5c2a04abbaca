"""Limits come down from the parent: what a child gets, and why there may be none."""

from __future__ import annotations

from harness.authority import Authority
from harness.limits import Limits
from runtime.labels import Label

LIMITS = Limits(
    tasks=60,
    width=6,
    attempts=2,
    escalations=1,
    depth=2,
    model_calls=16,
    tool_calls=40,
    repeated_calls=2,
    task_seconds=300,
    dollars=2.0,
    task_dollars=0.5,
    job_tokens=500_000,
    task_tokens=100_000,
)
TOP = Authority.at_top(label=Label.internal, tools=["crm_read", "docs_read"], limits=LIMITS)


def test_a_child_gets_the_smaller_of_what_both_may() -> None:
    wanted = LIMITS.model_copy(update={"tasks": 300, "width": 2, "depth": 5, "dollars": 5.0})
    child = TOP.for_child(
        label=Label.public, tools=["docs_read", "mail_send"], limits=wanted
    ).authority
    assert child is not None
    assert (child.label, child.tools, child.depth) == (Label.public, {"docs_read"}, 0)
    assert (child.limits.tasks, child.limits.width) == (60, 2)
    assert child.limits.dollars == 0.5, "it is paid out of one task of its parent"
    assert child.limits.job_tokens == 100_000, "in tokens as well"


def test_a_child_that_needs_more_is_refused_with_every_reason() -> None:
    grant = TOP.for_child(
        label=Label.regulated,
        tools=["mail_send", "crm_read"],
        limits=LIMITS,
        needs=["mail_send", "docs_read"],
    )
    assert grant.authority is None
    assert grant.reasons == (
        "It works on regulated data, and this job only on internal.",
        "It needs tool 'mail_send', which this job may not use itself.",
        "It needs tool 'docs_read', which its own specialist does not declare.",
    )


def test_depth_is_used_up_by_plans_alone() -> None:
    child = TOP.for_child(label=Label.internal, tools=[], limits=LIMITS).authority
    assert child is not None
    refused = child.for_child(label=Label.internal, tools=[], limits=LIMITS)
    assert refused.authority is None
    assert "limit 'depth' of 2" in refused.reasons[0]
    assert "config/limits.yaml" in refused.reasons[0]
    worker = child.for_child(label=Label.internal, tools=[], limits=LIMITS, plans=False).authority
    assert worker is not None
    assert worker.depth == 0
