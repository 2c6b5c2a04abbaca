"""Nothing of a run reaches what is not cleared for it: however its label, a redirect, a proxy or
a variable of the environment would have it."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from langchain_core.messages import AIMessage

from models import direct
from models.addresses import cleared, origin_of
from models.config import load_models
from models.deployment import Deployment
from runtime.context import RunContext
from runtime.errors import BoundaryBreach, ConfigError, ModelUnavailable
from runtime.labels import Label
from tests.models.door import CONTEXT, RUN, Room, configured, entry, on, room
from tests.provider.exchange import Exchange, Reply, Usage
from tests.provider.faults import HttpError, server_error
from tests.provider.script import Script
from tests.provider.server import ScriptedProvider

SAID = Reply(text="Something was said.", usage=Usage(prompt=50, completion=50))
EMPTY = Reply(text="")


class Raising:
    """A brain that is slow enough for the label to rise while it thinks."""

    def __init__(self, first: Reply) -> None:
        self.first = first
        self.asked = threading.Event()
        self.go_on = threading.Event()

    def reply(self, exchange: Exchange) -> Reply:  # noqa: ARG002 - the protocol
        self.asked.set()
        assert self.go_on.wait(10)
        return self.first


async def test_the_error_names_the_label_and_what_each_deployment_is_cleared_for(
    tmp_path: Path,
) -> None:
    entries = [
        entry("vendor", model="openai/a", base="http://127.0.0.1:1/v1"),
        entry("leaflet", model="openai/b", base="http://127.0.0.1:1/v1", cleared="public"),
    ]
    async with room(tmp_path, entries, label=Label.regulated) as opened:
        with pytest.raises(BoundaryBreach) as caught:
            await opened.models.chat("work", CONTEXT).ainvoke("secret")
    told = str(caught.value)
    for words in ("'work'", "vendor up to internal", "leaflet up to public", "'regulated'"):
        assert words in told
    assert "cleared_for" in caught.value.remedy


async def test_the_callers_word_counts_where_the_record_says_less(tmp_path: Path) -> None:
    higher = RunContext(run=RUN, label=Label.regulated)
    with ScriptedProvider(Script()) as provider:
        async with room(tmp_path, [on(provider, "vendor")], label=Label.public) as opened:
            with pytest.raises(BoundaryBreach):
                await opened.models.chat("work", higher).ainvoke("secret")
        assert provider.requests == []


async def rises_before_the_next_attempt(opened: Room) -> None:
    """Between the choice and the sending: as the money is set aside."""
    reserve, runs = opened.ledger.budgets.reserve, opened.ledger.runs

    async def slowly(*args, **kwargs):  # type: ignore[no-untyped-def]  # noqa: ANN002, ANN003, ANN202
        held = await reserve(*args, **kwargs)
        await runs.raise_label(RUN, Label.regulated)
        return held

    opened.ledger.budgets.reserve = slowly  # type: ignore[method-assign]


async def test_a_label_that_rises_after_the_choice_sends_the_call_to_what_is_cleared(
    tmp_path: Path,
) -> None:
    with ScriptedProvider(Script()) as vendor, ScriptedProvider(Script(SAID)) as own:
        entries = [on(vendor, "vendor"), on(own, "own", order=2, cleared="regulated")]
        async with room(tmp_path, entries) as opened:
            await rises_before_the_next_attempt(opened)
            answer = await opened.models.chat("work", CONTEXT).ainvoke("secret")
            outcomes = await opened.outcomes()
            reserved, _ = await opened.spent()
        assert vendor.requests == []
    assert answer.response_metadata["deployment"] == "own"
    assert outcomes == [("vendor", "LabelRose"), ("own", "ok")]
    assert reserved == pytest.approx(0)


async def test_a_label_that_rises_after_the_choice_stops_vectors_too(tmp_path: Path) -> None:
    with ScriptedProvider(Script()) as vendor:
        embedding = entry("vendor", model="openai/e", tier="embed", base=vendor.openai_base)
        async with room(tmp_path, [embedding, *WORK]) as opened:
            await rises_before_the_next_attempt(opened)
            answered = await opened.models.embed(["secret"], CONTEXT)
        assert vendor.requests == []
    assert len(answered) == 1, "the offline deployment of the tier did it"


async def test_the_question_that_is_asked_again_is_bounded_anew(tmp_path: Path) -> None:
    brain = Raising(EMPTY)
    with ScriptedProvider(brain) as vendor:
        async with room(tmp_path, [on(vendor, "vendor")]) as opened:
            call = asyncio.create_task(opened.models.chat("work", CONTEXT).ainvoke("hi"))
            assert await asyncio.to_thread(brain.asked.wait, 10)
            await opened.ledger.runs.raise_label(RUN, Label.regulated)
            brain.go_on.set()
            with pytest.raises(BoundaryBreach):
                await call
        assert len(vendor.requests) == 1, "the empty answer was not asked for again"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("wire", ["openai", "anthropic"])
async def test_a_redirect_to_another_place_is_not_followed(
    tmp_path: Path, status: int, wire: str
) -> None:
    with ScriptedProvider(Script()) as other, ScriptedProvider(Script(SAID)) as third:
        location = (("location", f"{other.url}/v1/chat/completions"),)
        moved = Script(HttpError(status=status, headers=location))
        with ScriptedProvider(moved) as provider:
            entries = [on(provider, "moved", wire), on(third, "third", order=2)]
            async with room(tmp_path, entries) as opened:
                answer = await opened.models.chat("work", CONTEXT).ainvoke("secret")
                outcomes = await opened.outcomes()
        assert other.requests == []
    assert answer.response_metadata["deployment"] == "third"
    assert outcomes == [("moved", "redirected"), ("third", "ok")]


@pytest.mark.parametrize("location", ["/v1/chat/completions", "http://127.0.0.1:99999/", "/"])
async def test_no_redirect_is_followed_not_even_to_the_same_place(
    tmp_path: Path, location: str
) -> None:
    moved = Script(HttpError(status=307, headers=(("location", location),)))
    with ScriptedProvider(moved) as provider:
        async with room(tmp_path, [on(provider, "moved")]) as opened:
            with pytest.raises(ModelUnavailable, match="redirected"):
                await opened.models.chat("work", CONTEXT).ainvoke("secret")
        assert len(provider.calls) == 1


async def test_what_had_left_before_a_request_went_astray_is_in_the_books(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = direct._answer

    async def twice(call: dict[str, Any]) -> Any:  # noqa: ANN401 - theirs
        await answer(call)
        async with aiohttp.ClientSession() as session:
            return await session.post(f"{other.url}/v1/chat/completions")

    with ScriptedProvider(Script(SAID)) as provider, ScriptedProvider(Script()) as other:
        async with room(tmp_path, [on(provider, "vendor")]) as opened:
            monkeypatch.setattr(direct, "_answer", twice)
            with pytest.raises(BoundaryBreach):
                await opened.models.chat("work", CONTEXT).ainvoke("secret")
            (row,) = await opened.calls()
            reserved, spent = await opened.spent()
        assert other.requests == []
        assert len(provider.calls) == 1
    assert row.outcome == "BoundaryBreach"
    assert row.completion_tokens == 500, "the worst case: nobody knows what it took"
    assert reserved == pytest.approx(0)
    assert spent == pytest.approx(row.cost)


OVERRIDES = [
    ("openai/gpt-6-luna", "OPENAI_BASE_URL"),
    ("openai/gpt-6-luna", "OPENAI_API_BASE"),
    ("anthropic/claude-haiku-5-5", "ANTHROPIC_BASE_URL"),
    ("anthropic/claude-haiku-5-5", "ANTHROPIC_API_BASE"),
    ("gemini/gemini-3.8-flash", "GEMINI_API_BASE"),
    ("groq/llama", "GROQ_API_BASE"),
    ("bedrock/us.anthropic.claude-haiku-5-5", "AWS_BEDROCK_RUNTIME_ENDPOINT"),
]


@pytest.mark.parametrize(("model", "variable"), OVERRIDES)
async def test_a_variable_of_the_environment_does_not_move_a_deployment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str, variable: str
) -> None:
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "GROQ_API_KEY"):
        monkeypatch.setenv(name, "test-key")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test-key")
    monkeypatch.setenv("AWS_REGION_NAME", "eu-central-1")
    with ScriptedProvider(Script()) as other:
        monkeypatch.setenv(variable, other.url)
        async with room(tmp_path, [entry("vendor", model=model)]) as opened:
            with pytest.raises(BoundaryBreach) as caught:
                await opened.models.chat("work", CONTEXT).ainvoke("secret")
            (row,) = await opened.calls()
        assert other.requests == []
    assert variable in str(caught.value)
    assert other.url in str(caught.value)
    assert (row.outcome, row.cost) == ("BoundaryBreach", 0.0)


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_proxy_of_the_environment_does_not_read_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, streamed: bool
) -> None:
    with listening() as (proxy, heard), ScriptedProvider(Script(SAID)) as provider:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        # A name that is not on any list of exceptions.
        own = on(provider, "own").replace("127.0.0.1", "localhost")
        async with room(tmp_path, [own]) as opened:
            chat = opened.models.chat("work", CONTEXT)
            if streamed:
                assert [chunk async for chunk in chat.astream("secret")]
            else:
                assert isinstance(await chat.ainvoke("secret"), AIMessage)
        assert len(provider.requests) == 1
    assert heard == []


@contextmanager
def listening() -> Iterator[tuple[str, list[bytes]]]:
    """A place that takes connections, and what came over them."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        ended = threading.Event()

        def take() -> None:
            while not ended.is_set():
                try:
                    connection, _ = server.accept()
                except TimeoutError:
                    continue
                with connection:
                    connection.settimeout(2)
                    heard.append(connection.recv(65536))

        thread = threading.Thread(target=take)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}", heard
        finally:
            ended.set()
            thread.join(5)


async def test_an_outage_on_the_way_does_not_open_the_boundary(tmp_path: Path) -> None:
    broken = Script(server_error(), server_error())
    with ScriptedProvider(broken) as own, ScriptedProvider(Script()) as vendor:
        entries = [on(own, "own", cleared="regulated"), on(vendor, "vendor", order=2)]
        async with room(tmp_path, entries, label=Label.regulated) as opened:
            with pytest.raises(ModelUnavailable):
                await opened.models.chat("work", CONTEXT).ainvoke("secret")
        assert vendor.requests == []


WORK = [entry("offline-work", model="offline/extract", price=0.0, cleared="regulated")]


def one(folder: Path, model: str, base: str = "") -> Deployment:
    return configured(folder, [entry("x", model=model, base=base)]).tier("work")[0]


def test_a_vendor_is_reached_at_its_own_address_alone(tmp_path: Path) -> None:
    addresses = cleared(one(tmp_path, "anthropic/claude"), {"ANTHROPIC_BASE_URL": "https://x"})
    assert addresses.include(origin_of("https://api.anthropic.com/v1/messages"))
    for other in (
        "https://x/v1/messages",
        "http://api.anthropic.com/v1/messages",
        "https://api.anthropic.com:8443/v1/messages",
        "https://api.anthropic.com.example/v1/messages",
        "https://evil.example/api.anthropic.com",
        "https://api.anthropic.com@evil.example/",
    ):
        assert not addresses.include(origin_of(other)), other


def test_a_region_in_the_file_is_the_only_one(tmp_path: Path) -> None:
    deployment = one(tmp_path, "bedrock/some.model")
    european = deployment.model_copy(
        update={"params": {**deployment.params, "aws_region_name": "os.environ/AWS_REGION_NAME"}}
    )
    there = origin_of("https://bedrock-runtime.us-east-1.amazonaws.com/model/x/converse")
    assert cleared(deployment).include(there)
    addresses = cleared(european, {"AWS_REGION_NAME": "eu-central-1"})
    assert not addresses.include(there)
    assert addresses.include(
        origin_of("https://bedrock-runtime.eu-central-1.amazonaws.com/model/x/converse")
    )
    assert not cleared(deployment).include(
        origin_of("https://bedrock-runtime.a.b.amazonaws.com/model/x/converse")
    )


def test_a_written_address_replaces_the_vendors(tmp_path: Path) -> None:
    addresses = cleared(one(tmp_path, "openai/m", base="http://127.0.0.1:8000/v1"))
    assert addresses.include(origin_of("http://127.0.0.1:8000/v1/chat/completions"))
    assert not addresses.include(origin_of("https://api.openai.com/v1/chat/completions"))
    assert not addresses.include(origin_of("http://127.0.0.1:8001/v1/chat/completions"))


def test_the_offline_model_reaches_nobody(tmp_path: Path) -> None:
    assert not cleared(one(tmp_path, "offline/extract")).include(origin_of("http://127.0.0.1:1"))


def test_a_deployment_that_leads_nobody_knows_where_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        configured(tmp_path, [entry("odd", model="some_new_vendor/m")])
    assert "nothing says where 'odd'" in str(caught.value)
    assert "api_base" in caught.value.remedy
    file = tmp_path / "models.yaml"
    text = file.read_text().replace(
        "      id: odd\n", "      id: odd\n      addresses: [https://api.vendor.example]\n"
    )
    file.write_text(text)
    (found, *_) = load_models(file, {}).tier("work")
    assert cleared(found).include(origin_of("https://api.vendor.example/v1"))
