"""What a trace tells follows the labels of its run and of its thread, as they are at the moment."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from langchain_core.runnables import RunnableConfig, RunnableLambda
from langchain_core.tracers.langchain import LangChainTracer

from graphs.traces import DiscreetClient, open_trace
from ledger.store import Ledger, open_ledger
from runtime.labels import Label
from tests.app.sink import Sink, open_sink

Work = Callable[[RunnableConfig], Awaitable[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Traced:
    """A ledger, and a client that traces into a sink."""

    ledger: Ledger
    client: DiscreetClient
    sink: Sink

    async def start(self, run: str, label: Label = Label.internal, thread: str = "t") -> None:
        await self.ledger.runs.start(
            run, thread=thread, request="?", tenant="acme", user="ann", label=label, docs=""
        )

    async def trace(self, run: str, work: Work, *, label: str = "internal") -> None:
        """A root that a request begins, and `work` below it."""

        async def root(_: object, config: RunnableConfig) -> str:
            recorded = await self.ledger.runs.get(run)
            assert recorded is not None
            await self.step("history")(config)
            await open_trace(config, self.ledger.runs, recorded)
            await work(config)
            return "the-answer"

        tracer = LangChainTracer(client=self.client)
        config: RunnableConfig = {"callbacks": [tracer], "metadata": {"label": label}}
        await RunnableLambda(root).ainvoke({"messages": ["the-request"]}, config)
        self.client.flush()

    def step(self, word: str) -> Work:
        """A node that sees a word and says another."""

        async def node(_: str) -> str:
            return f"{word}-said"

        async def run(config: RunnableConfig) -> str:
            return str(await RunnableLambda(node).ainvoke(f"{word}-seen", config))

        return run

    def told(self, word: str) -> bool:
        return any(word.encode() in body for body in self.sink.bodies)


@asynccontextmanager
async def traced(folder: Path, patch: pytest.MonkeyPatch) -> AsyncIterator[Traced]:
    with open_sink() as sink:
        patch.setenv("LANGSMITH_ENDPOINT", sink.url)
        patch.setenv("LANGSMITH_API_KEY", "test")
        client = DiscreetClient()
        async with open_ledger(f"sqlite+aiosqlite:///{folder / 'ledger.sqlite'}") as ledger:
            ledger.runs.listen(client.hear)
            yield Traced(ledger=ledger, client=client, sink=sink)
        client.cleanup()


async def test_a_run_that_may_be_told_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with traced(tmp_path, monkeypatch) as opened:
        await opened.start("r1")
        await opened.trace("r1", opened.step("work"))
        for word in ("the-request", "work-seen", "work-said", "the-answer"):
            assert opened.told(word), word


async def test_what_comes_after_a_label_rose_is_not_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with traced(tmp_path, monkeypatch) as opened:
        await opened.start("r1")

        async def rising(config: RunnableConfig) -> str:
            await opened.step("before")(config)
            await opened.ledger.runs.raise_label("r1", Label.regulated)
            return await opened.step("after")(config)

        await opened.trace("r1", rising)
        assert opened.told("before-said")
        for word in ("after-seen", "after-said", "the-answer"):
            assert not opened.told(word), word


async def test_a_step_that_was_under_way_when_the_label_rose_ends_untold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with traced(tmp_path, monkeypatch) as opened:
        await opened.start("r1")

        async def tool(_: str) -> str:
            await opened.ledger.runs.raise_label("r1", Label.regulated)
            return "diagnosis"

        async def calls(config: RunnableConfig) -> str:
            return str(await RunnableLambda(tool).ainvoke("asked", config))

        await opened.trace("r1", calls)
        assert opened.told("asked")
        assert not opened.told("diagnosis")


async def test_another_runs_rise_hides_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with traced(tmp_path, monkeypatch) as opened:
        await opened.start("r1")
        await opened.start("r2", thread="other")

        async def rising(config: RunnableConfig) -> str:
            await opened.ledger.runs.raise_label("r2", Label.regulated)
            await opened.ledger.runs.raise_label("r1", Label.internal)
            return await opened.step("after")(config)

        await opened.trace("r1", rising)
        assert opened.told("after-said")


async def test_a_thread_that_held_a_regulated_run_is_not_told_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with traced(tmp_path, monkeypatch) as opened:
        await opened.start("r0")
        await opened.ledger.runs.raise_label("r0", Label.regulated)
        await opened.start("r1")
        await opened.trace("r1", opened.step("work"))
        assert opened.told("the-request"), "it was sent with its own label"
        for word in ("history-seen", "work-seen", "work-said", "the-answer"):
            assert not opened.told(word), word


async def test_nothing_below_is_told_before_the_thread_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with traced(tmp_path, monkeypatch) as opened:
        await opened.start("r1")
        await opened.trace("r1", opened.step("work"))
        assert not opened.told("history-seen")


async def test_a_regulated_request_is_not_told_whatever_its_record_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with traced(tmp_path, monkeypatch) as opened:
        await opened.start("r1")
        await opened.trace("r1", opened.step("work"), label="regulated")
        for word in ("the-request", "history-seen", "work-seen", "the-answer"):
            assert not opened.told(word), word
