"""The last look at a call: it passes to what was chosen for it, by the label as it is now."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from models.boundary import LabelRose
from models.deployment import Deployment
from models.guard import KEY, Guard
from runtime.errors import BoundaryBreach
from runtime.labels import Label
from tests.models.door import CONTEXT, configured, entry, on, room
from tests.provider.exchange import Reply, Usage
from tests.provider.latency import Latency
from tests.provider.script import Script
from tests.provider.server import ScriptedProvider

BASE = "http://127.0.0.1:1/v1"
RIGHT = {"model": "openai/m", "api_base": BASE, "metadata": {KEY: "c1"}}


class Labels:
    """The ledger's word on a run."""

    def __init__(self, label: Label) -> None:
        self.now = label

    async def __call__(self, run: str) -> Label:
        assert run == "r1"
        return self.now


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    return configured(tmp_path, [entry("own", model="openai/m", base=BASE)]).tier("work")[0]


@pytest.mark.parametrize(
    "wrong",
    [
        {"model": "openai/other"},
        {"api_base": "https://elsewhere.example/v1"},
        {"api_base": None},
        {"api_base": None, "base_url": "https://elsewhere.example/v1"},
        {"metadata": {KEY: "c2"}},
    ],
)
async def test_a_call_that_leads_elsewhere_is_stopped(
    deployment: Deployment, wrong: dict[str, object]
) -> None:
    guard = Guard(Labels(Label.internal))
    with guard.watching("c1", deployment, run="r1", label=Label.internal):
        await guard.async_pre_call_deployment_hook(dict(RIGHT), None)
        with pytest.raises(BoundaryBreach):
            await guard.async_pre_call_deployment_hook(RIGHT | wrong, None)


async def test_a_call_that_is_over_does_not_pass_any_more(deployment: Deployment) -> None:
    guard = Guard(Labels(Label.internal))
    with guard.watching("c1", deployment, run="r1", label=Label.internal):
        pass
    with pytest.raises(BoundaryBreach):
        await guard.async_pre_call_deployment_hook(dict(RIGHT), None)


async def test_the_label_counts_as_it_is_when_the_call_leaves(deployment: Deployment) -> None:
    labels = Labels(Label.internal)
    guard = Guard(labels)
    with guard.watching("c1", deployment, run="r1", label=Label.internal):
        labels.now = Label.regulated
        with pytest.raises(LabelRose):
            await guard.async_pre_call_deployment_hook(dict(RIGHT), None)


async def test_a_wrong_choice_does_not_pass(deployment: Deployment) -> None:
    guard = Guard(Labels(Label.internal))
    with (
        guard.watching("c1", deployment, run="r1", label=Label.regulated),
        pytest.raises(BoundaryBreach) as caught,
    ):
        await guard.async_pre_call_deployment_hook(dict(RIGHT), None)
    assert not isinstance(caught.value, LabelRose), "to choose again would end in the same place"


async def test_calls_of_others_pass_untouched(deployment: Deployment) -> None:
    ours, theirs = Guard(Labels(Label.regulated)), Guard(Labels(Label.internal))
    await ours.async_pre_call_deployment_hook({"model": "any", "metadata": {}}, None)
    with theirs.watching("c1", deployment, run="r1", label=Label.internal):
        await ours.async_pre_call_deployment_hook(dict(RIGHT), None)


async def test_a_call_of_a_chats_that_nobody_expects_does_not_pass(deployment: Deployment) -> None:
    ours, theirs = Guard(Labels(Label.internal)), Guard(Labels(Label.internal))
    for call in (RIGHT, RIGHT | {"metadata": {}}, {"model": "openai/m"}):
        with pytest.raises(BoundaryBreach):
            await ours.admit(call)
    with theirs.watching("c1", deployment, run="r1", label=Label.internal):
        await theirs.admit(RIGHT)
        with pytest.raises(BoundaryBreach):
            await ours.admit(RIGHT)


async def test_a_session_that_is_closed_is_asked_about_nothing_more(tmp_path: Path) -> None:
    import litellm  # noqa: PLC0415 - after our own room, which keeps it from phoning out

    async with room(tmp_path, []) as opened:
        await opened.models.chat("work", CONTEXT).ainvoke("hi")
        await opened.models.embed(["hi"], CONTEXT)
        guard = opened.models._loaded()._guard
        assert guard in litellm.callbacks
    lists = {name: kept for name, kept in vars(litellm).items() if name.endswith("callback")}
    assert {"success_callback", "_async_failure_callback"} <= set(lists)
    left = [name for name, kept in lists.items() if isinstance(kept, list) and guard in kept]
    assert left == []
    assert guard not in litellm.callbacks


async def test_the_end_of_one_session_leaves_the_calls_of_another_alone(tmp_path: Path) -> None:
    said = Reply(text="Late.", usage=Usage(prompt=20, completion=6))
    slow = Latency(median=0.3)
    with ScriptedProvider(Script(said), latency=slow) as provider:
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
        async with room(tmp_path / "one", [on(provider, "first")]) as opened:
            call = asyncio.create_task(opened.models.chat("work", CONTEXT).ainvoke("hi"))
            await provider.arrived(1)
            async with room(tmp_path / "two", [on(provider, "second")]) as other:
                await other.models.warm()
            assert (await call).text == "Late."
            assert await opened.outcomes() == [("first", "ok")]
        assert len(provider.calls) == 1
