"""Answers that are given again: only where the operator wants it, and never to somebody else."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from langchain_core.messages import HumanMessage, ToolMessage

from runtime.errors import BoundaryBreach, ConfigError
from runtime.labels import Label
from tests.models.door import CONTEXT, RUN, WEATHER, Room, configured, on, room
from tests.models.listener import Listener
from tests.provider.exchange import Reply, ToolCall, Usage
from tests.provider.faults import server_error
from tests.provider.script import Script
from tests.provider.server import ScriptedProvider

USAGE = Usage(prompt=20, completion=6)
ONE, TWO = Reply(text="One it is.", usage=USAGE), Reply(text="Two it is.", usage=USAGE)
CALL = Reply(
    text="Let me look.",
    tool_calls=(ToolCall(name="weather", arguments={"city": "Oslo"}, id="call_1"),),
    usage=USAGE,
)
ON = "{answers: true}"


async def ask(opened: Room, words: str = "hi", *, temperature: float = 0.0, **who: object) -> str:
    chat = opened.models.chat("work", replace(CONTEXT, **who)).bind(temperature=temperature)  # type: ignore[arg-type]
    return str((await chat.ainvoke(words)).content)


async def another(opened: Room, run: str, label: Label, tenant: str = "acme") -> None:
    await opened.ledger.runs.start(
        run, thread=run, request="?", tenant=tenant, user="ann", label=label, docs=""
    )
    await opened.ledger.budgets.open(run, 10.0)


async def test_the_same_question_is_answered_again_for_nothing(tmp_path: Path) -> None:
    with ScriptedProvider(Script(ONE)) as provider:
        async with room(tmp_path, [on(provider, "only")], cache=ON) as opened:
            chat = opened.models.chat("work", CONTEXT).bind(temperature=0)
            first, again = await chat.ainvoke("hi"), await chat.ainvoke("hi")
            rows = await opened.calls()
            reserved, spent = await opened.spent()
            kept = await opened.ledger.exchanges.of_run(RUN)
            (summed,) = await opened.ledger.spend.sums(["run"])
            recent = await opened.ledger.spend.recent(9)
        assert len(provider.calls) == 1
    assert first.content == again.content == "One it is."
    assert "cached" not in first.response_metadata
    told = again.response_metadata
    assert (told["cached"], told["cost"], told["deployment"]) == (True, 0.0, "only")
    assert again.usage_metadata is not None
    assert again.usage_metadata["total_tokens"] == 0
    assert [(row.outcome, row.cost > 0) for row in rows] == [("ok", True), ("cached", False)]
    assert (rows[1].prompt_tokens, rows[1].completion_tokens) == (0, 0)
    assert reserved == 0.0
    assert spent == pytest.approx(rows[0].cost)
    assert len(kept) == 2, "a replay finds it as any other"
    assert (summed.calls, summed.failed) == (2, 0)
    assert [one.outcome for one in recent] == ["ok"], "it tells nothing of the deployment's health"


async def test_it_is_off_unless_the_operator_wants_it(tmp_path: Path) -> None:
    with ScriptedProvider(Script(ONE, TWO)) as provider:
        async with room(tmp_path, [on(provider, "only")]) as opened:
            assert await ask(opened) != await ask(opened)


@pytest.mark.parametrize("temperature", [None, 0.1, 1.0])
async def test_what_is_left_to_chance_is_asked_anew(
    tmp_path: Path, temperature: float | None
) -> None:
    with ScriptedProvider(Script(ONE, TWO)) as provider:
        async with room(tmp_path, [on(provider, "only")], cache=ON) as opened:
            chat = opened.models.chat("work", CONTEXT).bind(temperature=temperature)
            assert (await chat.ainvoke("hi")).content != (await chat.ainvoke("hi")).content


async def test_a_temperature_in_the_file_counts(tmp_path: Path) -> None:
    with ScriptedProvider(Script(ONE)) as provider:
        cold = on(provider, "only").replace(
            "      timeout:", "      temperature: 0\n      timeout:"
        )
        async with room(tmp_path, [cold], cache=ON) as opened:
            chat = opened.models.chat("work", CONTEXT)
            assert (await chat.ainvoke("hi")).content == (await chat.ainvoke("hi")).content


async def test_a_tenant_never_gets_what_another_was_told(tmp_path: Path) -> None:
    with ScriptedProvider(Script(ONE, TWO)) as provider:
        async with room(tmp_path, [on(provider, "only")], cache=ON) as opened:
            await another(opened, "r2", Label.internal, "other")
            assert await ask(opened) == "One it is."
            assert await ask(opened, run="r2", tenant="other") == "Two it is."
            assert await ask(opened, run="r2", tenant="other") == "Two it is."


async def test_an_answer_never_crosses_from_one_label_to_another(tmp_path: Path) -> None:
    with ScriptedProvider(Script(ONE, TWO)) as provider:
        entries = [on(provider, "only", cleared="regulated")]
        async with room(
            tmp_path, entries, label=Label.regulated, cache="{answers: true, regulated: true}"
        ) as opened:
            await another(opened, "r2", Label.internal)
            assert await ask(opened) == "One it is."
            assert await ask(opened, run="r2") == "Two it is."
            assert [await ask(opened), await ask(opened, run="r2")] == ["One it is.", "Two it is."]


async def test_regulated_answers_are_kept_only_if_the_operator_says_so(tmp_path: Path) -> None:
    with ScriptedProvider(Script(ONE, TWO)) as provider:
        entries = [on(provider, "only", cleared="regulated")]
        async with room(tmp_path, entries, label=Label.regulated, cache=ON) as opened:
            assert await ask(opened) != await ask(opened)


async def test_a_kept_answer_does_not_open_the_boundary(tmp_path: Path) -> None:
    with ScriptedProvider(Script(ONE)) as provider:
        async with room(tmp_path, [on(provider, "only")], cache=ON) as opened:
            await ask(opened)
            await opened.ledger.runs.raise_label(RUN, Label.regulated)
            with pytest.raises(BoundaryBreach):
                await ask(opened)


async def test_another_question_is_another_one(tmp_path: Path) -> None:
    lines = (ONE, TWO, Reply(text="Three."), Reply(text="Four."))
    with ScriptedProvider(Script(*lines)) as provider:
        async with room(tmp_path, [on(provider, "only")], cache=ON) as opened:
            chat = opened.models.chat("work", CONTEXT)
            said = [
                str((await chat.bind(temperature=0, **more).ainvoke(words)).content)
                for words, more in (
                    ("hi", {}),
                    ("hi!", {}),
                    ("hi", {"seed": 7}),
                    ("hi", {"max_tokens": 7}),
                )
            ]
    assert len(set(said)) == 4


async def test_tool_calls_come_again_whole_and_a_stream_in_one_piece(tmp_path: Path) -> None:
    with ScriptedProvider(Script(CALL)) as provider:
        async with room(tmp_path, [on(provider, "only")], cache=ON) as opened:
            chat = opened.models.chat("work", CONTEXT).bind_tools([WEATHER], temperature=0)
            first = await chat.ainvoke("How is Oslo?")
            chunks = [chunk async for chunk in chat.astream("How is Oslo?")]
            listener = Listener()
            heard = await chat.ainvoke("How is Oslo?", {"callbacks": [listener]})
        assert len(provider.calls) == 1
    whole = sum(chunks[1:], chunks[0])
    assert [chunk.content for chunk in chunks if chunk.content] == ["Let me look."]
    for again in (whole, heard):
        assert [(one["name"], one["args"]) for one in again.tool_calls] == [
            ("weather", {"city": "Oslo"})
        ]
    ids = {message.tool_calls[0]["id"] for message in (first, whole, heard)}
    assert len(ids) == 3, "each is a call of its own"
    assert whole.response_metadata["cached"] is True
    assert list(listener.heard.values()) == ["Let me look."]


async def test_what_follows_a_call_that_came_again_comes_again(tmp_path: Path) -> None:
    with ScriptedProvider(Script(CALL, ONE, TWO)) as provider:
        async with room(tmp_path, [on(provider, "only")], cache=ON) as opened:
            chat = opened.models.chat("work", CONTEXT).bind_tools([WEATHER], temperature=0)

            async def course(result: str) -> str:
                asked = HumanMessage("How is Oslo?")
                called = await chat.ainvoke([asked])
                told = ToolMessage(result, tool_call_id=called.tool_calls[0]["id"])
                return str((await chat.ainvoke([asked, called, told])).content)

            said = [await course(result) for result in ("rain", "rain", "sun")]
        assert len(provider.calls) == 3
    assert said == ["One it is.", "One it is.", "Two it is."]


async def test_a_call_keeps_what_its_vendor_wants_back_with_it(tmp_path: Path) -> None:
    signed = replace(CALL.tool_calls[0], id="call_1__thought__c2lnbmVk")
    with ScriptedProvider(Script(replace(CALL, tool_calls=(signed,)))) as provider:
        async with room(tmp_path, [on(provider, "only")], cache=ON) as opened:
            chat = opened.models.chat("work", CONTEXT).bind_tools([WEATHER], temperature=0)
            first, again = [str((await chat.ainvoke("hi")).tool_calls[0]["id"]) for _ in range(2)]
    assert first != again
    assert first.partition("__thought__")[2] == again.partition("__thought__")[2] == "c2lnbmVk"


async def test_an_unusable_answer_is_not_kept(tmp_path: Path) -> None:
    with ScriptedProvider(Script(Reply(text=""), ONE, TWO)) as provider:
        async with room(tmp_path, [on(provider, "only")], cache=ON) as opened:
            assert await ask(opened) == "One it is."
            assert await ask(opened) == "Two it is.", "the first one had been empty"


async def test_an_answer_with_a_secret_is_not_kept(tmp_path: Path) -> None:
    def masked(value: object, text: str) -> object:
        return json.loads(text.replace("One", "[masked]")) if "One" in text else value

    with ScriptedProvider(Script(ONE, TWO)) as provider:
        async with room(tmp_path, [on(provider, "only")], cache=ON) as opened:
            opened.ledger.exchanges.mask_by(masked)
            assert await ask(opened) == "One it is."
            assert await ask(opened) == "Two it is."
            assert await ask(opened) == "Two it is."


async def test_an_answer_ends_with_its_age_and_with_the_retention(tmp_path: Path) -> None:
    with ScriptedProvider(Script(ONE, TWO)) as provider:
        async with room(tmp_path, [on(provider, "only")], cache=ON) as opened:
            await ask(opened)
            assert await opened.ledger.answers.forget_before(0.0) == 0
            assert await opened.ledger.answers.forget_before(1e12) == 1
            assert await ask(opened) == "Two it is."
            assert await opened.ledger.answers.find("any", 1e12) is None
    with ScriptedProvider(Script(ONE, TWO)) as provider:
        folder = tmp_path / "short"
        folder.mkdir()
        cache = "{answers: true, seconds: 0.000001}"
        async with room(folder, [on(provider, "only")], cache=cache) as opened:
            assert await ask(opened) != await ask(opened)


async def test_an_answer_comes_from_the_model_that_would_have_been_asked(tmp_path: Path) -> None:
    with ScriptedProvider(Script(server_error())) as first, ScriptedProvider(Script(ONE)) as second:
        entries = [on(first, "first"), on(second, "second", "anthropic", order=2)]
        async with room(tmp_path, entries, cache=ON) as opened:
            assert await ask(opened) == "One it is."
            first.behaviour.brain = Script(TWO)
            assert await ask(opened) == "Two it is.", "the first one is well again"


@pytest.mark.parametrize("wrong", ["{answers: perhaps}", "{seconds: 0}", "{for_all: true}"])
def test_the_file_says_what_is_wrong_with_it(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(ConfigError) as caught:
        configured(tmp_path, [], cache=wrong)
    assert "`cache." in str(caught.value)
    assert "answers, regulated, seconds" in caught.value.remedy
