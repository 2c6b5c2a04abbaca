"""Tools as an agent holds them: messages with evidence, errors as messages, nothing behind."""

from __future__ import annotations

import pytest
from langchain_core.messages import ToolMessage
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool

from tests.tools.conftest import Door, House, Person, nobody
from tests.tools.test_effects import Suspended, suspend
from tools.policy import Policy


def handle(door: Door, name: str, ask: object = nobody) -> BaseTool:
    return door.gateway.tools(door.context, [name], ask=ask)[0]  # type: ignore[arg-type]


async def invoke(tool: BaseTool, **arguments: object) -> ToolMessage:
    message = await tool.ainvoke(
        {"type": "tool_call", "name": tool.name, "id": "call-1", "args": arguments}
    )
    assert isinstance(message, ToolMessage)
    return message


async def test_a_result_is_a_message_that_begins_with_its_evidence(house: House) -> None:
    async with house.gate() as door:
        message = await invoke(handle(door, "s_add"), a=2, b=3)
    (row,) = await house.ledger.calls.of_run("r1")
    assert message.content == f'evidence: {row.id}\n{{"sum":5}}'
    assert (message.status, message.tool_call_id, message.name) == ("success", "call-1", "s_add")
    assert message.artifact == {"call": row.id, "outcome": "ok", "handed_off": ""}


async def test_the_models_id_of_the_call_is_part_of_the_evidence(house: House) -> None:
    async with house.gate() as door:
        reply = await door.call("s_add", call="call-1", a=2, b=3)
        message = await invoke(handle(door, "s_add"), a=2, b=3)
    assert message.artifact["call"] == reply.id
    assert len(house.received) == 1


@pytest.mark.parametrize(
    ("tool", "arguments", "told"),
    [
        ("s_fail", {}, "the shelf is empty"),
        ("s_add", {"a": "two", "b": 1}, "Send an integer"),
        ("s_fly", {}, "There is no tool 's_fly'"),
        ("s_die", {}, "the floor gave way"),
    ],
)
async def test_whatever_goes_wrong_is_an_error_message(
    house: House, tool: str, arguments: dict[str, object], told: str
) -> None:
    async with house.gate() as door:
        message = await invoke(handle(door, tool), **arguments)
    assert message.status == "error"
    assert told in str(message.content)
    assert "evidence:" not in str(message.content)


async def test_a_denial_is_an_error_message_that_says_why(house: House, base: Policy) -> None:
    async with house.gate(base) as door:
        tool, _ = door.gateway.tools(house.context, ["s_add"], ask=nobody)  # type: ignore[arg-type]
        message = await invoke(tool, a=2, b=3)
    assert message.status == "error"
    assert "does not list this tool" in str(message.content)
    assert house.received == []


async def test_a_refusal_is_an_error_message(house: House, base: Policy) -> None:
    async with house.gate(base) as door:
        message = await invoke(handle(door, "s_send", Person("refused")), to="ann")
    assert message.status == "error"
    assert "A person refused s_send" in str(message.content)


async def test_what_suspends_the_run_passes_through_the_tool(house: House, base: Policy) -> None:
    async with house.gate(base) as door:
        with pytest.raises(Suspended):
            await invoke(handle(door, "s_send", suspend), to="ann")
    assert house.received == []


async def test_a_model_is_shown_name_description_and_schema_without_bound_arguments(
    house: House,
) -> None:
    async with house.gate(s=house.scripted(bind={"folder": "docs"})) as door:
        shown = convert_to_openai_tool(handle(door, "s_where"))
        assert convert_to_openai_tool(handle(door, "s_hang"))["function"]["name"] == "s_hang"
    assert shown["function"] == {
        "name": "s_where",
        "description": "where.",
        "parameters": {
            "type": "object",
            "additionalProperties": False,
            "properties": {"name": {"type": "string"}},
            "required": ["name"],
        },
    }


async def test_a_tool_object_leads_nowhere_but_through_the_gate(house: House, base: Policy) -> None:
    async with house.gate(base) as door:
        tool, _ = door.gateway.tools(house.context, ["s_add"], ask=nobody)  # type: ignore[arg-type]
        tool.name = "s_say"
        with pytest.raises(TypeError, match="await"):
            tool.invoke({"a": 1, "b": 2})
        told = await tool.ainvoke({"a": 1, "b": 2})
    assert "s_add was denied" in told
    assert house.received == []
