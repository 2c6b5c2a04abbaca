"""The last look at a call: it passes to what was chosen for it, by the label as it is now."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.boundary import LabelRose
from models.deployment import Deployment
from models.guard import KEY, Guard
from runtime.errors import BoundaryBreach
from runtime.labels import Label
from tests.models.door import CONTEXT, configured, entry, room

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


async def test_a_session_that_is_closed_is_asked_about_nothing_more(tmp_path: Path) -> None:
    import litellm  # noqa: PLC0415 - after our own room, which keeps it from phoning out

    lists = (
        litellm.callbacks,
        litellm.input_callback,
        litellm.success_callback,
        litellm.failure_callback,
        litellm._async_success_callback,
        litellm._async_failure_callback,
    )

    async def once(folder: str) -> list[int]:
        (tmp_path / folder).mkdir()
        async with room(tmp_path / folder, []) as opened:
            await opened.models.chat("work", CONTEXT).ainvoke("hi")
            await opened.models.embed(["hi"], CONTEXT)
        return [len(one) for one in lists]

    assert await once("a") == await once("b")
