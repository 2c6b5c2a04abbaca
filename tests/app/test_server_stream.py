"""What a client of the dev server sees of the workers below a run, while they work and while they
wait: every event tells its task, and the thread's state holds theirs.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient

from runtime.canonical import Json
from tests.app.test_server import Server, said
from tests.graphs.installation import scripted_server, specialist, written
from tests.graphs.workers import Work, deliver, work_of
from tests.provider import Exchange, Latency, Reply, ScriptedProvider, SeededBrain, ToolCall

pytestmark = pytest.mark.asyncio(loop_scope="module")

SIDES = ("left", "right")
ASKS = "asks"
OUTPUT: Json = {
    "type": "object",
    "additionalProperties": False,
    "required": ["said", "evidence"],
    "properties": {
        "said": {"type": "string"},
        "evidence": {"type": "array", "minItems": 1, "items": {"type": "string"}},
    },
}


class Talkative:
    """Workers that say what they do, each in words that no other uses, before they do it."""

    def reply(self, exchange: Exchange) -> Reply:
        work = work_of(exchange)
        if work is None:
            return SeededBrain(1).reply(exchange)
        if not work.begins:
            told = "sent" if work.task == ASKS else str(work.returned[0].data)
            return deliver({"said": told, "evidence": work.evidence})
        name = "desk_send" if work.task == ASKS else "desk_say"
        given: Json = {"to": "ann"} if work.task == ASKS else {"text": words_of(work)}
        return Reply(text=words_of(work), tool_calls=(ToolCall(name=name, arguments=given),))


def words_of(work: Work) -> str:
    who = work.inputs.get("request", "")
    return " ".join(f"{work.task}-{who}-{number}" for number in range(12))


def plan(name: str, *tasks: str) -> str:
    return specialist(
        name,
        [
            {
                "id": id,
                "objective": f"[{id}] Say it.",
                "inputs": {"request": {"from": "request", "select": "request"}},
                "tools": ["desk_send" if id == ASKS else "desk_say"],
                "output": OUTPUT,
            }
            for id in tasks
        ],
        outputs={id: {"from": id, "select": "said"} for id in tasks},
        tools=["desk_say", "desk_send"],
    )


@dataclass
class Seen:
    """The parts of a stream by mode, each with the namespace that it came under."""

    parts: list[tuple[str, str, Any]] = field(default_factory=list)

    def of(self, mode: str) -> list[tuple[str, Any]]:
        return [(place, data) for kind, place, data in self.parts if kind == mode]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("server")
    files = home / "specialists"
    files.mkdir()
    (home / "run").mkdir()
    (files / "sides.md").write_text(plan("sides", *SIDES))
    (files / "asking.md").write_text(plan("asking", *SIDES, ASKS))
    latency = Latency(median=0.05, between_events=0.01)
    with ScriptedProvider(Talkative(), latency=latency) as provider:
        config = written(home, provider=provider, servers={"desk": scripted_server(home)})
        started = Server(
            home / "run", SWITCHYARD_CONFIG=str(config), SWITCHYARD_SPECIALISTS=str(files)
        )
        yield started
        assert started.end() == 0


@pytest_asyncio.fixture(loop_scope="module")
async def client(server: Server) -> AsyncIterator[LangGraphClient]:
    async with get_client(url=server.url) as opened:
        yield opened


async def watched(client: LangGraphClient, name: str, text: str) -> tuple[str, Seen]:
    """Run a request to its end or to its question: the thread, and what was streamed."""
    thread, seen = (await client.threads.create())["thread_id"], Seen()
    async with asyncio.timeout(60):
        async for part in client.runs.stream(
            thread,
            "supervisor",
            input=said(text),
            context={"specialist": name},
            stream_mode=["custom", "messages-tuple", "updates"],
            stream_subgraphs=True,
        ):
            assert part.event != "error", part.data
            mode, _, place = part.event.partition("|")
            seen.parts.append((mode, place, part.data))
    return thread, seen


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def paused(server: Server) -> tuple[str, Seen]:
    """A thread whose run waits for a person, and what was streamed until then."""
    async with get_client(url=server.url) as opened:
        return await watched(opened, "asking", "anna")


def task_of(place: str) -> str:
    """The task in a namespace `…|execute:…|task:…`; empty for one that is not below `execute`."""
    _, _, below = place.partition("|execute:")
    return below.partition("|")[2].partition(":")[0]


def texts(seen: Seen) -> dict[str, list[str]]:
    """Pieces of text by the task in whose namespace they came, in order."""
    found: dict[str, list[str]] = {}
    for place, (message, _) in seen.of("messages"):
        if message["type"] == "AIMessageChunk" and message["content"]:
            found.setdefault(task_of(place), []).append(message["content"])
    return found


async def test_every_event_of_a_worker_tells_its_task(paused: tuple[str, Seen]) -> None:
    _, seen = paused
    below = [(place, event) for place, event in seen.of("custom") if "|execute:" in place]
    assert {event["event"] for _, event in below} >= {"task", "tool"}
    assert {event.get("task") for _, event in below} == {f"d1/{id}" for id in (*SIDES, ASKS)}
    for place, event in below:
        assert task_of(place) in ("", event["task"].removeprefix("d1/"))
    for place, (message, metadata) in seen.of("messages"):
        assert task_of(place) in (*SIDES, ASKS)
        if message["type"] == "AIMessageChunk":
            assert metadata["task"] == f"d1/{task_of(place)}"
            assert metadata["tier"] == "work"
            assert metadata["attempt"] == "1"


async def test_the_texts_of_two_workers_side_by_side_can_be_told_apart(
    paused: tuple[str, Seen],
) -> None:
    _, seen = paused
    said_by = texts(seen)
    assert said_by.keys() == {*SIDES, ASKS}
    for id, pieces in said_by.items():
        assert len(pieces) > 3
        assert "".join(pieces) == " ".join(f"{id}-anna-{number}" for number in range(12))
    running = {
        event["task"]: number
        for number, (mode, _, event) in enumerate(seen.parts)
        if mode == "custom" and event["event"] == "task" and event["state"] == "running"
    }
    first_text = next(number for number, part in enumerate(seen.parts) if part[0] == "messages")
    assert len(running) == 3
    assert max(running.values()) < first_text


async def test_tool_calls_stream_under_their_task_with_their_results(
    paused: tuple[str, Seen],
) -> None:
    _, seen = paused
    phases: dict[str, list[str]] = {}
    for _, event in seen.of("custom"):
        if event["event"] == "tool":
            phases.setdefault(event["task"], []).append(event["phase"])
    assert phases == {"d1/left": ["called", "answered"], "d1/right": ["called", "answered"]} | {
        "d1/asks": ["asked"]
    }
    results = {
        task_of(place): message["content"]
        for place, (message, _) in seen.of("messages")
        if message["type"] == "tool" and message["name"] == "desk_say"
    }
    assert all(f"{id}-anna-0" in results[id] for id in SIDES)


async def test_the_state_of_a_paused_thread_holds_the_states_of_its_tasks(
    client: LangGraphClient, paused: tuple[str, Seen]
) -> None:
    thread, _ = paused
    nested = states_of(await client.threads.get_state(thread, subgraphs=True))
    assert {"asking", "execute", *SIDES, ASKS} <= nested.keys()
    assert nested["asking"]["plan"]["tasks"][0]["id"] == "left"
    for id in (*SIDES, ASKS):
        told = [message["content"] for message in nested[id]["messages"]]
        assert any(f"{id}-anna-0" in str(text) for text in told), id


def states_of(state: Json) -> dict[str, Json]:
    """The values of every state below a thread's, by the name of the task that it belongs to."""
    found: dict[str, Json] = {}
    for task in state["tasks"]:
        if task.get("state"):
            found[task["name"]] = task["state"]["values"]
            found |= states_of(task["state"])
    return found


async def test_two_requests_at_once_on_two_threads_do_not_mix(client: LangGraphClient) -> None:
    both = await asyncio.gather(
        watched(client, "sides", "anna"), watched(client, "sides", "ben"), return_exceptions=False
    )
    runs = set()
    for (thread, seen), mine, other in zip(both, ("anna", "ben"), ("ben", "anna"), strict=True):
        assert texts(seen).keys() == set(SIDES)
        for id, pieces in texts(seen).items():
            assert "".join(pieces) == " ".join(f"{id}-{mine}-{number}" for number in range(12))
        assert other not in str(seen.parts)
        values = (await client.threads.get_state(thread))["values"]
        assert isinstance(values, dict)
        assert values["answer"]["status"] == "done"
        runs.add(values["answer"]["run"])
    assert len(runs) == 2
