"""Large results: the worker gets the beginning and a handle, the record keeps the whole."""

from __future__ import annotations

import hashlib
import json
import re

import pytest
from langchain_core.messages import ToolMessage
from langchain_core.utils.function_calling import convert_to_openai_tool

from ledger.files import File, Quotas
from runtime.canonical import Json
from runtime.context import RunContext
from runtime.labels import Label
from tests.tools.conftest import Door, House, nobody
from tools.gateway import FILES_READ
from tools.pages import laid_out, lines_of
from tools.policy import Policy

LONG = {"cleared_for": "internal", "max_bytes": 200_000}


def text_of(lines: int) -> str:
    return "\n".join(f"line {n}: {'x' * (n % 70)}" for n in range(1, lines + 1))


async def read_on(door: Door, reply_text: str, path: str) -> str:
    """What a worker puts together that follows what the texts tell it."""
    whole, told = reply_text.rsplit("\n", 1)
    while match := re.search(r"start_line (\d+)\.", told):
        page = await door.call(FILES_READ, call=f"p{match[1]}", path=path, start_line=int(match[1]))
        whole += "\n" + page.data["text"]
        told = page.text.rsplit("\n", 1)[1]
    return whole


async def test_a_long_text_is_handed_off_and_can_be_read_to_its_end(
    house: House, base: Policy
) -> None:
    text = text_of(600)
    async with house.gate(base, s=house.scripted(**LONG)) as door:
        reply = await door.call("s_say", text=text)
        whole = await read_on(door, reply.text, reply.handed_off)
    assert reply.handed_off == f"results/{reply.id}.txt"
    assert (reply.error, reply.outcome) == (False, "ok")
    assert 7_000 < len(reply.text) < 8_400
    digest = hashlib.sha256(text.encode()).hexdigest()
    last = reply.text.rsplit("\n", 1)[1]
    assert f"of 600. The whole is the file {reply.handed_off}: {len(text):,} bytes" in last
    assert f"sha256 {digest}. Read on with files_read, start_line " in last
    assert whole == text
    assert len(house.received) == 1


async def test_a_long_structure_is_laid_out_over_lines_and_data_stays_whole(
    house: House, base: Policy
) -> None:
    given = text_of(900)
    async with house.gate(base, s=house.scripted(actions={"send": "read"}, **LONG)) as door:
        reply = await door.call("s_send", to=given)
        found = await house.ledger.files.read("r1", reply.handed_off)
        whole = await read_on(door, reply.text, reply.handed_off)
    assert reply.handed_off.endswith(".json")
    assert reply.data == {"done": "send", "with": {"to": given}}
    assert found is not None
    assert json.loads(found[1]) == reply.data
    assert whole.replace("\n", "") == found[1].replace("\n", "")


async def test_the_record_keeps_the_whole_result(house: House, base: Policy) -> None:
    text = text_of(600)
    async with house.gate(base, s=house.scripted(**LONG)) as door:
        reply = await door.call("s_say", text=text)
    (row,) = await house.ledger.calls.of_run("r1")
    assert row.result is not None
    content = await house.ledger.exchanges.content(row.result)
    assert content is not None
    assert json.loads(content)["text"] == text
    (file,) = await house.ledger.files.log("r1")
    assert (file.call, file.task, file.version) == (reply.id, "d1/a", 1)


@pytest.mark.parametrize(("terms", "size"), [({}, 8_000), ({"preview_chars": 0}, 50_000)])
async def test_a_result_below_the_threshold_or_without_one_is_given_whole(
    house: House, base: Policy, terms: dict[str, Json], size: int
) -> None:
    async with house.gate(base, s=house.scripted(**LONG, **terms)) as door:
        reply = await door.call("s_huge", size=size)
    assert (reply.text, reply.handed_off) == ("x" * size, "")
    assert await house.ledger.files.log("r1") == []


async def test_a_text_without_a_line_break_is_handed_off_in_pieces(
    house: House, base: Policy
) -> None:
    async with house.gate(base, s=house.scripted(**LONG, preview_chars=300)) as door:
        reply = await door.call("s_huge", size=9_000)
        rest = await door.call(FILES_READ, path=reply.handed_off, start_line=9)
    assert reply.text.startswith("x" * 300 + "\n[The beginning.")
    assert "start_line 1.]" in reply.text
    assert rest.data["text"] == "x" * 1_000


async def test_a_read_that_is_made_again_has_the_same_preview_and_the_same_file(
    house: House, base: Policy
) -> None:
    async with house.gate(base, s=house.scripted(**LONG)) as door:
        first = await door.call("s_huge", size=20_000)
    async with house.gate(base, s=house.scripted(**LONG)) as door:
        assert await door.call("s_huge", size=20_000) == first
    assert len(house.received) == 1
    assert len(await house.ledger.files.log("r1")) == 1


async def test_a_result_that_does_not_fit_into_the_files_is_still_previewed_and_recorded(
    house: House, base: Policy
) -> None:
    quotas = Quotas(run_bytes=10_000)
    async with house.gate(base, quotas=quotas, s=house.scripted(**LONG)) as door:
        reply = await door.call("s_huge", size=20_000)
    assert (reply.outcome, reply.handed_off) == ("ok", "")
    assert "Limit 'run_bytes' of config/limits.yaml is 10,000" in reply.text
    assert len(reply.text) < 8_400
    assert await house.ledger.files.log("r1") == []
    (row,) = await house.ledger.calls.of_run("r1")
    assert row.outcome == "ok"


async def test_the_label_is_raised_before_the_file_is_there(
    house: House, base: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    terms = LONG | {"label": "regulated", "cleared_for": "regulated"}
    seen: list[Label] = []
    store = house.ledger.files.write

    async def write(
        context: RunContext, path: str, content: str, *, call: str, quotas: Quotas
    ) -> File:
        seen.append(await house.ledger.runs.label("r1"))
        return await store(context, path, content, call=call, quotas=quotas)

    monkeypatch.setattr(house.ledger.files, "write", write)
    async with house.gate(base, s=house.scripted(**terms)) as door:
        reply = await door.call("s_huge", size=20_000)
        page = await door.call(FILES_READ, path=reply.handed_off)
    assert seen == [Label.regulated]
    assert page.outcome == "ok"


async def test_an_agent_gets_the_reading_tool_where_a_result_may_be_handed_off(
    house: House, base: Policy
) -> None:
    servers = {"s": house.scripted(), "t": house.scripted(preview_chars=0)}
    async with house.gate(base, **servers) as door:

        def names(*wanted: str) -> list[str]:
            tools = door.gateway.tools(door.context, wanted, ask=nobody)  # type: ignore[arg-type]
            return [tool.name for tool in tools]

        assert names("t_add") == ["t_add"]
        assert names("t_add", "s_add") == ["t_add", "s_add", FILES_READ]
        assert names(FILES_READ, "s_add") == [FILES_READ, "s_add"]
        assert names("files_list") == ["files_list"]
        assert names() == []
        (reader,) = door.gateway.tools(door.context, [FILES_READ], ask=nobody)  # type: ignore[arg-type]
    shown = json.dumps(convert_to_openai_tool(reader), separators=(",", ":"))
    assert len(shown) < 280, "about 60 tokens, in every call of every worker"


async def test_the_message_of_a_handed_off_result_says_so_in_its_artifact(
    house: House, base: Policy
) -> None:
    async with house.gate(base, s=house.scripted(**LONG)) as door:
        tool, _ = door.gateway.tools(door.context, ["s_huge"], ask=nobody)  # type: ignore[arg-type]
        message = await tool.ainvoke(
            {"type": "tool_call", "name": "s_huge", "id": "1", "args": {"size": 9_000}}
        )
    assert isinstance(message, ToolMessage)
    assert message.artifact["handed_off"] == f"results/{message.artifact['call']}.txt"


def test_json_is_laid_out_in_lines_that_can_be_read() -> None:
    rows = [{"id": n, "name": "n" * 40, "tags": ["a", "b"]} for n in range(50)]
    value = {"rows": rows, "deep": {"deeper": {"rows": rows}}, "empty": [], "ä": None}
    text = laid_out(value)
    assert json.loads(text) == value
    assert max(map(len, lines_of(text))) <= 170
    assert len(lines_of(text)) < 120


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", []),
        ("\n", [""]),
        ("a", ["a"]),
        ("a\n", ["a"]),
        ("a\n\nb\n\n", ["a", "", "b", ""]),
        ("x" * 1_001, ["x" * 1_000, "x"]),
    ],
)
def test_lines_are_counted_the_same_everywhere(text: str, lines: list[str]) -> None:
    assert lines_of(text) == lines
