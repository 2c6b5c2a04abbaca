"""Runs of the real dev server: killed, shut down, paused and cancelled."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient
from langgraph_sdk.errors import NotFoundError

from app.cancel import cancel_run
from app.places import settings_for
from tests.app.shop import SIDE_BY_SIDE, Shop, Workers, open_shop
from tests.app.test_server import Server, said
from tests.provider import Latency, ScriptedProvider

THINKS = 0.3
KEYS = {"anna": "key-of-anna", "ben": "key-of-ben"}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with ScriptedProvider(Workers(), latency=Latency(median=THINKS)) as provider:
        yield open_shop(tmp_path / "home", provider)


@pytest.fixture
def serve(shop: Shop) -> Iterator[Callable[[], Server]]:
    """Starts the server over the same home, as often as it is called."""
    started: list[Server] = []

    def begin(**env: str) -> Server:
        keys = ",".join(f"{name}:{key}" for name, key in KEYS.items())
        started.append(Server(shop.home, **{"SWITCHYARD_API_KEYS": keys} | shop.env | env))
        return started[-1]

    yield begin
    for server in started:
        server.kill()


def client_of(server: Server, name: str = "anna") -> LangGraphClient:
    return get_client(url=server.url, api_key=KEYS[name])


async def begin(server: Server, words: str, graph: str = "supervisor") -> tuple[str, str]:
    """A thread and its run, begun by anna."""
    async with client_of(server) as client:
        thread = (await client.threads.create())["thread_id"]
        name = words.rpartition(" ")[2]
        run = await client.runs.create(
            thread, graph, input=said(words), context={"specialist": name}
        )
    return thread, run["run_id"]


async def until(holds: Callable[[], Any], seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - another process makes it true
            await asyncio.sleep(0.05)


async def answer_on(server: Server, thread: str, seconds: float = 60) -> dict[str, Any]:
    """What the thread says once it has an answer, as its owner sees it."""
    async with client_of(server) as client, asyncio.timeout(seconds):
        while True:
            state = await client.threads.get_state(thread)
            values = state["values"]
            if isinstance(values, dict) and values.get("answer") and not state["next"]:
                return dict(values["answer"])
            if isinstance(values, dict) and values.get("outcome") and not state["next"]:
                return dict(values["outcome"])
            await asyncio.sleep(0.2)


async def test_a_run_of_a_killed_server_goes_on_by_itself(
    shop: Shop, serve: Callable[[], Server]
) -> None:
    graph, accepted = "supervisor", 2
    server = serve()
    thread, run = await begin(server, "Test the slow", graph)
    await until(lambda: shop.runs(run) and len(shop.accepted(run)) >= accepted)
    server.kill()
    # The server writes its memory every ten seconds: as if it had been killed before the first.
    shutil.rmtree(shop.home / ".langgraph_api", ignore_errors=True)
    kept, asked = shop.accepted(run), shop.asked()
    assert len(kept) < len(SIDE_BY_SIDE)

    again = serve()

    answer = await answer_on(again, thread)
    assert answer["status"] == "done"
    row = shop.run(run)
    assert (row["status"], row["user"], row["holder"]) == ("done", "anna", None)
    assert shop.accepted(run) == {*SIDE_BY_SIDE, "last"}
    for task in kept:
        assert (shop.asked()[task], shop.said()[task]) == (asked[task], 1)
    async with client_of(again, "ben") as ben:
        with pytest.raises(NotFoundError):
            await ben.threads.get(thread)


@pytest.mark.long
async def test_a_run_that_the_server_remembers_goes_on_from_its_last_step(
    shop: Shop, serve: Callable[[], Server]
) -> None:
    shop.slower(2.0)
    server = serve()
    thread, run = await begin(server, "Test the slow", "deep")
    memory = shop.home / ".langgraph_api" / ".langgraph_ops.pckl"
    await until(lambda: memory.exists() and run.encode() in memory.read_bytes())
    await until(lambda: len(shop.accepted(run)) >= 1)
    server.kill()
    kept, asked = shop.accepted(run), shop.asked()
    shop.slower(THINKS)

    again = serve()

    assert (await answer_on(again, thread))["status"] == "done"
    async with client_of(again) as client:
        statuses = {one["run_id"]: one["status"] for one in await client.runs.list(thread)}
    assert statuses == {run: "success"}
    for task in kept:
        assert (shop.asked()[task], shop.said()[task]) == (asked[task], 1)
    # From its input it would have been another run.
    assert [row["id"] for row in shop.runs()] == [run]


@pytest.mark.long
async def test_a_server_that_is_shut_down_leaves_its_runs_to_the_next_one(
    shop: Shop, serve: Callable[[], Server]
) -> None:
    server = serve()
    thread, run = await begin(server, "Test the slow")
    await until(lambda: len(shop.accepted(run)) >= 1)
    server.end()
    kept = shop.accepted(run)
    assert shop.run(run)["status"] == "running"
    assert "failed" not in shop.states(run).values()
    assert len(kept) < len(SIDE_BY_SIDE)
    answer = await answer_on(serve(), thread)
    assert answer["status"] == "done"


@pytest.mark.long
async def test_both_questions_of_a_killed_server_are_answered_one_by_one(
    shop: Shop, serve: Callable[[], Server]
) -> None:
    shop.slower(0.0)
    server = serve()
    thread, run = await begin(server, "Test the mails")
    await until(lambda: [row["status"] for row in shop.runs(run)] == ["paused"])
    server.kill()
    shutil.rmtree(shop.home / ".langgraph_api", ignore_errors=True)
    again = serve()
    async with client_of(again) as client:
        asked = await questions(client, thread, 2)
        await client.runs.wait(thread, "supervisor", command=approve(asked, "ann"))
        left = await questions(client, thread, 1)
        assert list(left) == ["bob"]
        assert (shop.run(run)["status"], shop.sent()) == ("paused", ["ann"])
        values = await client.runs.wait(thread, "supervisor", command=approve(left, "bob"))
    assert isinstance(values, dict)
    assert values["answer"]["status"] == "done"
    assert shop.sent() == ["ann", "bob"]


async def questions(client: LangGraphClient, thread: str, count: int) -> dict[str, dict[str, Any]]:
    """The open questions of a thread by who gets the mail, once there are so many."""
    async with asyncio.timeout(30):
        while True:
            try:
                open_ones: Any = (await client.threads.get_state(thread))["interrupts"]
            except NotFoundError:
                open_ones = []
            found: dict[str, dict[str, Any]] = {_to(one["value"]): one for one in open_ones}
            if len(found) == count:
                return found
            await asyncio.sleep(0.1)


def _to(question: dict[str, Any]) -> str:
    return str(question["question"]["arguments"]["to"])


def approve(asked: dict[str, dict[str, Any]], name: str) -> Any:  # noqa: ANN401
    one = asked[name]
    return {"resume": {one["id"]: {"approval": one["value"]["approval"], "decision": "approve"}}}


async def by_the_api(_shop: Shop, server: Server, thread: str, run: str) -> None:
    async with client_of(server) as client:
        await client.runs.cancel(thread, run, action="interrupt")


async def by_the_route(_shop: Shop, server: Server, _thread: str, run: str) -> None:
    url = f"{server.url}/cancel/{run}"
    async with httpx.AsyncClient(timeout=30) as http:
        other = await http.post(url, headers={"x-api-key": KEYS["ben"]})
        told = await http.post(url, headers={"x-api-key": KEYS["anna"]})
        late = await http.post(url, headers={"x-api-key": KEYS["anna"]})
    assert (other.status_code, late.status_code) == (404, 409)
    assert (told.json()["status"], told.json()["by"]) == ("cancelled", "anna")


async def by_the_command_line(shop: Shop, _server: Server, _thread: str, run: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in shop.env.items():
            patch.setenv(name, value)
        assert (await cancel_run(settings_for(), run)).status == "cancelled"


async def test_cancelling_in_any_way_reaches_every_worker(
    shop: Shop, serve: Callable[[], Server]
) -> None:
    server, runs = serve(), []
    for cancel in (by_the_api, by_the_route, by_the_command_line):
        shop.slower(THINKS)
        thread, run = await begin(server, "Test the slow")
        runs.append(run)
        await until(lambda run=run: len(shop.accepted(run)) >= 1)  # type: ignore[misc]
        shop.slower(20.0)
        under_way = len(shop.provider.calls)
        await until(lambda before=under_way: len(shop.provider.calls) > before)  # type: ignore[misc]
        await cancel(shop, server, thread, run)
        # Well below the 20 seconds that each worker waits for its model.
        await until(lambda run=run: shop.run(run)["status"] == "cancelled", seconds=10)  # type: ignore[misc]
        kept, states = shop.accepted(run), shop.states(run)
        assert kept
        assert {states[task] for task in kept} == {"accepted"}
        assert {states[task] for task in {*SIDE_BY_SIDE, "last"} - kept} == {"cancelled"}
        assert "Not done" in shop.run(run)["answer"]["text"]
        assert shop.rows("SELECT * FROM budgets WHERE reserved > 1e-9") == []
    requests = len(shop.provider.calls)
    server.kill()
    shop.slower(0.0)
    again = serve()
    await until(lambda: httpx.get(f"{again.url}/ok").status_code == 200)
    await asyncio.sleep(2)  # longer than the server takes to start what it restored
    assert len(shop.provider.calls) == requests
    assert {shop.run(run)["status"] for run in runs} == {"cancelled"}
