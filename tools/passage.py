"""One call on its way through the gate: decided, recorded, asked, claimed, sent, recorded.

The order is the point. The decision comes before any session is touched, the record of it before
anything is sent, the claim of an effect before the effect; so a crash at any instant leaves a
trace that tells what may have happened.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace

from ledger.approvals import Answer as Verdict
from ledger.approvals import Approval
from ledger.calls import Answered, Before, Outcome
from ledger.effects import Effect
from runtime.canonical import Json
from runtime.context import RunContext
from runtime.labels import Label, highest
from tools.approval import approved, question_of
from tools.arguments import bind, mistake, unfit
from tools.asked import record_of
from tools.calls import (
    Ask,
    Phase,
    Report,
    ToolEvent,
    ToolReply,
    approval_id,
    call_id,
    effect_key,
)
from tools.catalogue import ToolEntry
from tools.elicitation import Elicitor, Filled, Progress, hearing
from tools.entities import Asked, asked, spent_share
from tools.exchange import Exchanged, exchange, unknown_outcome
from tools.handoff import hand_off
from tools.office import Office
from tools.policy import Decision
from tools.provenance import CLEAN, Provenance
from tools.recall import Read
from tools.results import Answer, recalled
from tools.target import Origin, Place


class Passage:
    """One call. `through` or `turn_away` is called once."""

    def __init__(
        self,
        office: Office,
        context: RunContext,
        tool: str,
        arguments: Mapping[str, Json],
        *,
        call: str,
        ask: Ask,
        report: Report | None,
    ) -> None:
        self.unfit = unfit(arguments)
        """What keeps the arguments from being sent to any tool; empty when nothing does."""
        self._given: dict[str, Json] = dict(arguments)
        if self.unfit:
            self._given = {"unreadable": repr(arguments)[:200].encode("ascii", "replace").decode()}
        self._office = office
        self._ledger = office.ledger
        self._context = context
        self._tool = tool
        self._ask = ask
        self._report = report
        self._started = time.perf_counter()
        self._label = Label.public
        self._supposed: Label | None = None
        """The label, until the ledger has confirmed it."""
        self._asked: Json = None
        self._id = call_id(context, tool, self._given, call)
        self._origin = Origin(context=context, call=self._id)

    async def turn_away(self, reason: str, outcome: Outcome = "error") -> ToolReply:
        """Record a call that no tool can be asked to do, and say why."""
        # It may quote an argument, or the last words of a server.
        reason = self._office.masking.text(reason)
        decision = Decision(verdict="deny", policies=(), reason=reason)
        await self._open(decision, self._given, outcome=outcome)
        self._tell("denied", outcome)
        return self._reply(reason, outcome)

    async def through(self, place: Place) -> ToolReply:
        """Let the call through, or say why not."""
        entry = place.entry
        wrong = mistake(entry, place.fit, self._given)
        if wrong:
            return await self.turn_away(wrong)
        bound, missing = bind(entry, self._given, self._context)
        if missing:
            return await self.turn_away(missing)
        if not entry.once:
            if not self._office.rates.apply(place):
                # With a rate, a call that was answered before must not be counted again.
                self._supposed = self._office.labels.of(self._context.run)
            if self._supposed is None:
                return await self._anew(place, bound, await self._before())
            self._label = self._supposed
            return await self._decide(place, bound, "")
        key = effect_key(self._context, self._tool, self._given)
        async with self._office.effects.turn(key):
            # Not sooner: while it waited, another call may have raised the run's label.
            done = (await self._before(key)).effect
            if done is not None and done.state == "done":
                return await self._repeat(place, done, bound)
            return await self._decide(place, bound, key)

    async def _before(self, key: str = "") -> Before:
        """Take the run's present label; what is known of this call, when it was made before."""
        before = await self._ledger.calls.before(self._id, self._context.run, key)
        self._take(before)
        return before

    def _take(self, before: Before) -> None:
        self._label, self._supposed = before.label, None
        self._office.labels.keep(self._context.run, before.label)

    async def _raise(self, entry: ToolEntry) -> None:
        """The run has the data of this tool now."""
        run = self._context.run
        self._office.labels.keep(run, await self._ledger.runs.raise_label(run, entry.label))

    async def _anew(self, place: Place, bound: dict[str, Json], before: Before) -> ToolReply:
        """Let a call through by what the ledger says of it."""
        recorded = await self._recorded(place, before.answered)
        return recorded or await self._decide(place, bound, "")

    async def _recorded(self, place: Place, made: Answered | None) -> ToolReply | None:
        """The result of this very call, when a run that was cut off makes it again."""
        of = (self._context.run, self._context.task, self._tool)
        if made is None or (made.run, made.task, made.tool) != of:
            return None
        content = await self._ledger.exchanges.content(made.result)
        if content is None:
            return None
        await self._raise(place.entry)
        reply = await self._handed(place, recalled(content), "ok")
        self._tell("answered", "ok")
        return reply

    async def _repeat(self, place: Place, done: Effect, bound: dict[str, Json]) -> ToolReply:
        """The recorded result of an effect that happened; nothing is sent again."""
        answer = await self._office.effects.answer(done)
        # The crash may have come after the effect was settled and before the label was raised.
        await self._raise(place.entry)
        outcome: Outcome = "error" if answer.error else "ok"
        reason = "It was done before in this task: its recorded result is returned, nothing sent."
        decision = Decision(verdict="allow", policies=(), reason=reason)
        await self._open(decision, bound, key=done.key)
        reply = await self._handed(place, answer, outcome)
        await self._ledger.calls.close(
            self._id, outcome, result=done.result, seconds=self._seconds()
        )
        self._tell("answered", outcome)
        return reply

    async def _decide(self, place: Place, bound: dict[str, Json], key: str) -> ToolReply:
        entry = place.entry
        label = highest(self._context.label, self._label)
        question = await self._question(entry, bound, label)
        decision = self._office.policy.decide(question)
        self._asked = record_of(question, decision.verdict)
        decision = await self._within_rates(place, decision)
        denied = decision.verdict == "deny"
        outcome: Outcome = "denied" if denied else "pending"
        before = await self._open(decision, bound, key=key, outcome=outcome)
        if before is not None:
            self._take(before)
            return await self._anew(place, bound, before)
        if denied:
            self._tell("denied", "denied")
            told = f"{self._tool} was denied: {decision.reason} Go on without it, and say so."
            return self._reply(told, "denied")
        if decision.verdict == "ask" and not await self._approved(
            entry, decision, bound, question.provenance
        ):
            told = f"A person refused {self._tool} with these arguments; nothing was sent. "
            return await self._closed(
                told + "Do not call it again; say so in the answer.", "refused"
            )
        if decision.verdict == "ask" and (breach := await self._breach(place, count=True)):
            return await self._closed(f"{self._tool} was denied: {breach}", "denied")
        claim = await self._claim(key, entry, bound) if key else "ours"
        if claim == "done" and (done := await self._office.effects.done(key)) is not None:
            return await self._repeat(place, done, bound)
        if claim != "ours":
            return await self._closed(unknown_outcome(entry), "error")
        return await self._send(place, bound, key)

    async def _within_rates(self, place: Place, decision: Decision) -> Decision:
        """The decision, unless a rate limit is used up; one that asks counts when it is sent."""
        if decision.verdict == "deny":
            return decision
        breach = await self._breach(place, count=decision.verdict == "allow")
        return Decision(verdict="deny", policies=(), reason=breach) if breach else decision

    async def _breach(self, place: Place, *, count: bool) -> str:
        return await self._office.rates.breach(place, self._context, count=count)

    async def _provenance(self, entry: ToolEntry) -> Provenance:
        """Where the arguments come from; looked up for effects alone, since it reads the record."""
        if not entry.effect:
            return CLEAN
        return await self._office.origins.of(self._context, entry, self._given)

    async def _claim(self, key: str, entry: ToolEntry, bound: dict[str, Json]) -> str:
        recorded = self._office.masking.value(bound)
        return await self._office.effects.claim(key, self._context, entry, recorded)

    async def _question(self, entry: ToolEntry, bound: dict[str, Json], label: Label) -> Asked:
        """Everything that the decision depends on; the spend only where a rule looks at it."""
        share = 0
        if self._office.policy.sees("spent_share"):
            share = spent_share(await self._ledger.budgets.get(self._context.run))
        return asked(
            self._context,
            entry,
            label,
            await self._provenance(entry),
            at=time.time(),
            arguments=bound,
            spent_share=share,
        )

    async def _approved(
        self,
        entry: ToolEntry,
        decision: Decision,
        bound: dict[str, Json],
        provenance: Provenance,
    ) -> bool:
        async def put(question: Approval) -> Verdict:
            return "approved" if await self._put(question) == "approved" else "refused"

        return await approved(
            self._ledger.approvals,
            approval_id(self._context, self._tool, self._given),
            self._context,
            self._office.masking.value(
                question_of(entry, bound, decision, self._context, provenance)
            ),
            put,
        )

    async def _send(self, place: Place, bound: dict[str, Json], key: str) -> ToolReply:
        entry = place.entry
        self._tell("called")
        sent = bound | {entry.key: key} if entry.key else bound
        begun = time.perf_counter()
        got = await self._exchanged(place, sent, bound, key)
        # From here on nobody gets to see a secret: not the record, the files, or the worker.
        got = replace(got, answer=self._office.masking.answer(got.answer))
        seconds = time.perf_counter() - begun
        made = self._ledger.exchanges.prepared(
            self._context.run,
            self._context.task,
            "tool",
            {"tool": self._tool, "arguments": self._office.masking.value(bound)},
            got.answer.content(),
        )
        result = made.digest
        if key:
            done = result if got.state == "done" else None
            await self._office.effects.settle(key, got.state, done, made)
        if got.answered and entry.label.rank > self._label.rank:
            # Before the call is closed and its file can be read: what counts as answered, and what
            # others can read, has raised the label.
            await self._raise(entry)
        if place.terms.cache_reads and entry.action == "read" and got.outcome == "ok":
            read = Read(call=self._id, result=result)
            self._office.recall.keep(self._context.run, self._tool, bound, read)
        reply = await self._handed(place, got.answer, got.outcome)
        await self._ledger.calls.close(
            self._id,
            got.outcome,
            result=result,
            seconds=seconds,
            exchange=None if key else made,
        )
        self._tell("answered", got.outcome)
        return reply

    async def _exchanged(
        self, place: Place, sent: dict[str, Json], bound: dict[str, Json], key: str
    ) -> Exchanged:
        """What the target answers, or what it answered to the same read of this run before."""
        entry, run = place.entry, self._context.run
        if place.terms.cache_reads and entry.action == "read":
            seen = self._office.recall.find(run, self._tool, bound)
            kept = await self._ledger.exchanges.content(seen.result) if seen else None
            if seen and kept is not None:
                answer = seen.answer(kept)
                return Exchanged(answer=answer, outcome="ok", state="done", answered=True)
        elicit = Elicitor(
            self._ledger.approvals,
            self._context,
            entry,
            self._id,
            self._put,
            self._office.masking,
        )
        # Where nobody looks, the server need not tell how far it is.
        progress = hearing(self._progressed) if self._report else None
        origin = replace(self._origin, progress=progress, elicit=elicit)
        try:
            return await exchange(place, sent, origin)
        except Exception:
            if key and elicit.suspended:
                # The server was told to leave it before anybody answered: it may be sent again.
                await self._office.effects.settle(key, "failed")
            raise
        finally:
            if entry.effect:
                self._office.recall.forget(run)

    async def _put(self, question: Approval) -> Verdict | Filled:
        self._tell("asked")
        return await self._ask(question)

    def _progressed(self, progress: Progress) -> None:
        said = self._office.masking.text(progress.message)
        self._tell("progress", share=progress.share, message=said)

    async def _open(
        self,
        decision: Decision,
        arguments: dict[str, Json],
        *,
        key: str = "",
        outcome: Outcome = "pending",
    ) -> Before | None:
        return await self._ledger.calls.open(
            self._id,
            self._context,
            tool=self._tool,
            arguments=self._office.masking.value(arguments),
            decision=decision.verdict,
            policies=list(decision.policies),
            reason=self._office.masking.text(decision.reason),
            effect=key or None,
            outcome=outcome,
            provenance=self._asked,
            supposed=self._supposed,
        )

    async def _closed(self, told: str, outcome: Outcome) -> ToolReply:
        """Close a call that was opened, and of which nothing was sent."""
        await self._ledger.calls.close(self._id, outcome, result=None, seconds=self._seconds())
        self._tell("answered", outcome)
        return self._reply(told, outcome)

    def _reply(self, told: str, outcome: Outcome) -> ToolReply:
        return ToolReply(id=self._id, text=told, data=None, error=True, outcome=outcome)

    async def _handed(self, place: Place, answer: Answer, outcome: Outcome) -> ToolReply:
        """What the worker gets of an answer: a long one only in part, with the way to the rest."""
        text, path = await hand_off(
            answer,
            self._origin,
            place.terms.preview_chars,
            self._ledger.files,
            self._office.quotas,
        )
        return ToolReply(
            id=self._id,
            text=f"{text}\n{answer.note}" if answer.note else text,
            data=answer.data,
            error=answer.error,
            outcome=outcome,
            handed_off=path,
            blocks=answer.blocks,
        )

    def _seconds(self) -> float:
        return time.perf_counter() - self._started

    def _tell(
        self, phase: Phase, outcome: str = "", share: float | None = None, message: str = ""
    ) -> None:
        if self._report is None:
            return
        seconds = self._seconds() if outcome else 0.0
        self._report(
            ToolEvent(
                task=self._context.task,
                tool=self._tool,
                phase=phase,
                call=self._id,
                seconds=seconds,
                outcome=outcome,
                share=share,
                message=message,
            )
        )
