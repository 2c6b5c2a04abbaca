"""How `switchyard policy` tells what it found: as lines for a person, as data for a program."""

from __future__ import annotations

import json
from collections.abc import Sequence

import click

from app.policy_cases import Held
from app.policy_coverage import Coverage
from app.policy_explain import Explained, role_of
from app.policy_recorded import Again, Replayed
from app.questions import visible
from runtime.canonical import Json
from tools.policy import Decision

_OLD, _NEW = "red", "green"


def cases_json(held: Sequence[Held]) -> Json:
    return [
        {
            "case": one.placed.case.case,
            "file": one.placed.file,
            "line": one.placed.line,
            "as_expected": one.as_expected,
            "expected": _said(one.placed.case.expect, one.placed.case.policies),
            "decided": _decided(one.decision),
        }
        for one in held
    ]


def recorded_json(replayed: Replayed) -> Json:
    return {
        "decided_again": len(replayed.again),
        "undecided": replayed.undecided,
        "unreadable": list(replayed.unreadable),
        "differing": [again_json(one) for one in replayed.differing],
    }


def again_json(one: Again) -> Json:
    return {
        "call": one.call.id,
        "run": one.call.run,
        "specialist": one.call.specialist,
        "tool": one.call.tool,
        "differs": one.differs,
        "recorded": {
            "verdict": one.before,
            "policies": list(one.call.policies),
            "reason": one.call.reason,
        },
        "now": _decided(one.decision),
        "hidden_arguments": list(one.hidden),
    }


def explained_json(one: Explained) -> Json:
    return {
        "call": one.call.id,
        "run": one.call.run,
        "task": one.call.task,
        "specialist": one.call.specialist,
        "tool": one.call.tool,
        "recorded": {
            "verdict": one.call.decision,
            "policies": list(one.call.policies),
            "reason": one.call.reason,
            "outcome": one.call.outcome,
        },
        "asked": one.again is not None,
        "now": _decided(one.again.decision) if one.again else None,
        "differs": one.again.differs if one.again else False,
        "hidden_arguments": list(one.again.hidden) if one.again else [],
        "rules": [
            {
                "id": rule.id,
                "role": role_of(rule, one),
                "file": rule.file,
                "line": rule.line,
                "text": rule.text,
            }
            for rule in (*one.applied.met, *one.applied.failed)
        ],
        "context": one.context,
    }


def coverage_json(found: Coverage) -> Json:
    return {
        "rules": [
            {
                "id": one.rule.id,
                "file": one.rule.file,
                "line": one.rule.line,
                "cases": one.cases,
                "recorded": one.recorded,
            }
            for one in found.rules
        ],
        "never_met": [one.rule.id for one in found.never],
        "tools": [
            {
                "tool": one.tool,
                "action": one.action,
                "rules": list(one.own),
                "best": one.best,
                "only_default_deny": one.undecided,
            }
            for one in found.tools
        ],
        "unavailable": dict(found.unavailable),
    }


def show_cases(held: Sequence[Held]) -> None:
    """The cases that came out otherwise, as a diff, then how many there are."""
    wrong = [one for one in held if not one.as_expected]
    for one in wrong:
        case = one.placed.case
        click.echo(f"{click.style(f'{one.placed.file}:{one.placed.line}', bold=True)}: {case.case}")
        _diff(_line(case.expect, case.policies), one.decision)
    click.echo(f"{len(held)} cases, {len(held) - len(wrong)} as expected.")


def show_recorded(replayed: Replayed) -> None:
    """The calls that are decided otherwise now, as a diff, then how many there are."""
    for one in replayed.differing:
        call = one.call
        head = f"{call.id} of run {call.run}"
        click.echo(f"{click.style(head, bold=True)}: {call.specialist}, {call.tool}")
        _diff(_line(one.before, call.policies), one.decision)
        _hidden(one)
    again, differ = len(replayed.again), len(replayed.differing)
    click.echo(f"{again} recorded decisions, {again - differ} as before.")
    if replayed.undecided:
        click.echo(f"{replayed.undecided} calls were never put to the policies.")
    if replayed.unreadable:
        click.echo(f"Not readable by this release: {', '.join(replayed.unreadable)}.")


def show_explained(one: Explained) -> None:
    """A decision with its rules and what they were shown."""
    call = one.call
    click.echo(f"{click.style(call.id, bold=True)} of run {call.run}, task {call.task}")
    click.echo(f"{call.specialist or 'nobody'} called {call.tool}")
    click.echo(f"Recorded: {_line(call.decision, call.policies)}, outcome {call.outcome}")
    click.echo(f"  {visible(call.reason)}")
    if one.again is None:
        click.echo("No policy was asked about this call, so nothing can be decided again.")
        return
    same = "the same" if not one.again.differs else click.style("another verdict", fg=_OLD)
    decision = one.again.decision
    click.echo(f"Now: {_line(decision.verdict, decision.policies)} ({same})")
    click.echo(f"  {decision.reason}")
    _hidden(one.again)
    click.echo("\nRules that apply:" if one.applied.met else "\nNo rule applies: default deny.")
    for rule in (*one.applied.met, *one.applied.failed):
        head = f"  {click.style(rule.id, bold=True)} {role_of(rule, one)}"
        click.echo(f"{head}  ({rule.file}:{rule.line})")
        for line in rule.text.splitlines():
            click.echo(f"      {line}")
    click.echo("\nWhat they were shown:")
    for name, value in one.context.items():
        click.echo(f"  {name}: {visible(json.dumps(value, ensure_ascii=False))}")


def show_coverage(found: Coverage) -> None:
    """Rules and tools that want a look; the rest is counted."""
    for one in found.never:
        place = f"{one.rule.file}:{one.rule.line}"
        click.echo(f"never met: {click.style(one.rule.id, bold=True)}  ({place})")
    for tool in found.tools:
        if tool.undecided:
            click.echo(f"only the default deny: {click.style(tool.tool, bold=True)}")
    without = [tool.tool for tool in found.tools if not tool.own and not tool.undecided]
    if without:
        click.echo(f"no rule of their own, decided by the general ones: {', '.join(without)}")
    for server, reason in found.unavailable.items():
        click.echo(f"not available, so not looked at: {server}: {reason}")
    met = len(found.rules) - len(found.never)
    click.echo(f"{len(found.rules)} rules, {met} met; {len(found.tools)} tools.")


def _diff(before: str, now: Decision) -> None:
    click.echo(click.style(f"  - {before}", fg=_OLD))
    click.echo(click.style(f"  + {_line(now.verdict, now.policies)}", fg=_NEW))
    click.echo(f"    {now.reason}")


def _hidden(one: Again) -> None:
    if one.hidden:
        names = ", ".join(one.hidden)
        click.echo(f"    The record hides {names}, so this may be decided otherwise than then.")


def _line(verdict: str, policies: Sequence[str] | None) -> str:
    return f"{verdict} by {', '.join(policies)}" if policies else verdict


def _said(verdict: str, policies: Sequence[str] | None) -> Json:
    return {"verdict": verdict, "policies": None if policies is None else list(policies)}


def _decided(decision: Decision) -> Json:
    return _said(decision.verdict, decision.policies) | {"reason": decision.reason}
