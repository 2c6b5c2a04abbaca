"""A planner's names for tasks may be words of the request: withheld traces hold codes for them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from langchain_core.tracers.langchain import LangChainTracer

from graphs.trace_names import Names
from graphs.traces import DiscreetClient
from runtime.canonical import Json
from runtime.labels import Label
from tests.app.sink import Sink, open_sink
from tests.graphs.cast import Cast, gives, task
from tests.graphs.installation import installation, specialist, written
from tests.graphs.test_replan import plan
from tests.provider import ScriptedProvider

SECRET = "jane-roes-diagnosis"
PLAN = plan(task(SECRET), task("end", inputs={"base": {"from": SECRET}}))


@asynccontextmanager
async def traced(home: Path, patch: pytest.MonkeyPatch, label: Label) -> AsyncIterator[Sink]:
    """What a planned run of this label told, once it is over."""
    cast = Cast({SECRET: gives({"value": 1}), "end": gives({"value": 2})}, plans=[PLAN])
    outputs: Json = {"end": {"from": "end"}}
    text = specialist("records", [task("end")], outputs=outputs, by="model", effort="class")
    with open_sink() as sink, ScriptedProvider(cast) as provider:
        patch.setenv("LANGSMITH_ENDPOINT", sink.url)
        patch.setenv("LANGSMITH_API_KEY", "test")
        config = written(home, provider=provider, limits={"class": {}})
        models = config / "models.yaml"
        models.write_text(models.read_text().replace("for: internal", f"for: {label}"))
        client = DiscreetClient()
        client.names = Names(["records"])
        async with installation(home, text, config=config) as driver:
            driver.services.ledger.runs.listen(client.hear)
            driver.graph = driver.graph.with_config(
                callbacks=[LangChainTracer(client=client)], metadata={"label": label.value}
            )
            told = await driver.ask("@records go", label=label.value)
        assert told.answer["status"] == "done", told.message
        client.flush()
        client.cleanup()
        yield sink


async def test_no_name_that_a_planner_made_up_leaves_with_a_regulated_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with traced(tmp_path, monkeypatch, Label.regulated) as sink:
        assert not [body for body in sink.bodies if SECRET.encode() in body]
        calls = [run for run in sink.runs.values() if run.kind == "llm"]
        paths = [sink.path(call) for call in calls]
        tasks = [call.metadata["task"] for call in calls]
        slots = [path[4] for path in paths if "execute" in path]
        tags = [tag for call in calls for tag in call.fields["tags"] if tag.startswith("task:")]
    assert sorted(tasks) == sorted(["d1/plan", *(f"d1/{slot}" for slot in slots)])
    assert len(set(slots)) == 2, "the same code stands wherever the same name stood"
    assert sorted(tags) == sorted(f"task:{task}" for task in tasks)
    for path in paths:
        assert path[1:3] == ["records", "deep"], "what is not a task's keeps its name"
        assert path[3] in ("plan", "execute")


async def test_the_names_of_a_run_that_may_be_told_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with traced(tmp_path, monkeypatch, Label.internal) as sink:
        assert sink.named(SECRET)


@pytest.mark.parametrize(
    "kept",
    [
        "supervisor",
        "document-research",
        "d1",
        "d12/plan",
        "after_execute",
        "RunnableParallel<raw>",
        "documents_search",
        "execute:7860e172-7bd7-ddc6-e657-2ca01869764b|1",
        "branch:to:check",
        "__pregel_pull",
    ],
)
def test_names_of_the_program_and_of_the_operator_stay(kept: str) -> None:
    assert Names(["document-research"]).shown(kept) == kept


@pytest.mark.parametrize(
    "told", ["jane", "4111111111111111", "d123456", "d1/jane-roe", "execute:0|jane", "a" * 80]
)
def test_whatever_a_plan_may_call_a_task_becomes_a_code(told: str) -> None:
    shown = Names().shown(told)
    assert "name-" in shown
    assert "jane" not in shown
    assert shown != told
    assert shown == Names().shown(told)
