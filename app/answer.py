"""Shows what came of a run: the answer, what it lacks, rests on and cost, and what to try next."""

from __future__ import annotations

import json
from collections.abc import Sequence

import click
from rich.console import Console
from rich.markdown import Markdown

from app.questions import Question, command_for, in_lines
from app.run import Ended
from graphs.answer import saved_words
from graphs.state import Answer
from ledger.calls import ToolCall
from ledger.store import Ledger
from runtime.canonical import Json

_EVIDENCE = 8
"""Evidence that is shown by itself; the rest is in `runs show`."""


async def evidence_of(ledger: Ledger, answer: Answer | None) -> list[ToolCall]:
    """The calls that an answer rests on, as the gateway recorded them."""
    found = [await ledger.calls.get(id) for id in (answer["evidence"] if answer else [])]
    return [call for call in found if call is not None]


def show(ended: Ended, evidence: Sequence[ToolCall], console: Console, home: str) -> None:
    """Print the end of a run for a person; Markdown is rendered on a terminal."""
    if ended.answer is None:
        show_open(ended, home)
        return
    answer = ended.answer
    if console.is_terminal:
        console.print()
        console.print(Markdown(answer["text"]))
    else:
        click.echo(answer["text"])
    for line in _footnotes(answer):
        click.echo(line)
    click.echo("")
    _show_evidence(evidence)
    _show_cost(answer)
    _show_next(answer, home)


def show_open(ended: Ended, home: str) -> None:
    """Print what a paused run asks, and the exact command that answers."""
    for question in ended.pending:
        click.echo("")
        for line in in_lines(question.kind, question.task, question.question):
            click.echo(line)
        click.echo(f"Answer with: {command_for(question.approval, question.kind, home)}")
    click.echo("")
    click.echo(f"The run is paused until then. Run {ended.run}")
    if not ended.pending:
        click.echo(f"Go on with it: switchyard resume {ended.run}{_at(home)}")


def as_json(ended: Ended) -> str:
    """One JSON object: the answer's fields, the thread, and what a person is asked."""
    return json.dumps(_data(ended), ensure_ascii=False, indent=2)


def many_as_json(ended: Sequence[Ended]) -> str:
    """The same of several runs, as a list."""
    return json.dumps([_data(one) for one in ended], ensure_ascii=False, indent=2)


def _data(ended: Ended) -> Json:
    shown: dict[str, Json] = {"run": ended.run, "thread": ended.thread, "status": ended.status}
    shown |= dict(ended.answer) if ended.answer else {}
    shown["pending"] = [_pending(question) for question in ended.pending]
    return shown


def _pending(question: Question) -> Json:
    return {
        "approval": question.approval,
        "kind": question.kind,
        "task": question.task,
        "question": question.question,
        "answer": command_for(question.approval, question.kind),
    }


def _footnotes(answer: Answer) -> list[str]:
    lines = []
    # The text of an answer without any result is the reason itself.
    missing = [why for why in answer["missing"] if why not in answer["text"]]
    if missing:
        lines += ["", "Missing:", *(f"  - {why}" for why in missing)]
    for one in answer["outcomes"]:
        judged = one["judgement"]
        if judged and judged["verdict"] == "revise":
            lines += ["", f"The judge finds this below its bar: {'; '.join(judged['reasons'])}"]
    if answer["offline"]:
        lines += ["", "Answered by the offline model: extracted from sources, not reasoned."]
    return lines


def _show_evidence(evidence: Sequence[ToolCall]) -> None:
    if not evidence:
        return
    click.echo(f"Evidence, {len(evidence)} tool calls:")
    for call in evidence[:_EVIDENCE]:
        arguments = json.dumps(call.arguments, ensure_ascii=False)
        shown = arguments if len(arguments) <= 90 else arguments[:89] + "…"
        click.echo(f"  {call.id}  {call.tool} {shown}")
    if len(evidence) > _EVIDENCE:
        click.echo(f"  … and {len(evidence) - _EVIDENCE} more")


def _show_cost(answer: Answer) -> None:
    status = {"done": "green", "incomplete": "yellow", "cancelled": "yellow"}.get(
        answer["status"], "red"
    )
    click.echo(
        f"Status: {click.style(answer['status'], fg=status)} · {answer['model_calls']} model calls,"
        f" {answer['tokens']:,} tokens, ${answer['cost']:.4f}{saved_words(answer)}"
        f" · {answer['tool_calls']} tool calls"
        + (f" · run {answer['run']}" if answer["run"] else "")
    )


def _show_next(answer: Answer, home: str) -> None:
    tries = []
    if answer["run"]:
        tries.append(
            (f"switchyard runs show {answer['run']}{_at(home)}", "every step and decision")
        )
    if answer["status"] in ("declined", "rejected"):
        tries.append(("switchyard specialists", "who is here, with examples"))
    if answer["status"] in ("incomplete", "failed"):
        tries.append(("switchyard check", "whether a server or a file is at fault"))
    if answer["offline"]:
        tries.append(("config/models.yaml", "how to switch to a model that reasons"))
    if not tries:
        return
    width = max(len(what) for what, _ in tries)
    click.echo("Try next:")
    for what, why in tries:
        click.echo(f"  {what:<{width}}  {why}")


def _at(home: str) -> str:
    return f" --home {home}" if home else ""
