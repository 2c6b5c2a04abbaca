"""The tools in LangGraph's own tool node: a question suspends the graph, an answer resumes it."""

from __future__ import annotations

from langchain_core.messages import AIMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.types import Command, interrupt

from ledger.approvals import Approval
from tests.tools.conftest import House
from tools.elicitation import Filled
from tools.policy import Policy


async def ask(question: Approval) -> str:
    answer: str = interrupt({"approval": question.id, **question.question})
    return answer


async def test_an_interrupt_suspends_the_graph_and_its_answer_sends_once(
    house: House, base: Policy
) -> None:
    async with house.gate(base) as door:
        tools = door.gateway.tools(door.context, ["s_send", "s_add"], ask=ask)  # type: ignore[arg-type]
        graph = StateGraph(MessagesState)
        graph.add_node("tools", ToolNode(tools))
        graph.set_entry_point("tools")
        runnable = graph.compile(checkpointer=InMemorySaver())
        wanted = AIMessage(
            "",
            tool_calls=[
                {"name": "s_add", "args": {"a": 1, "b": 2}, "id": "one", "type": "tool_call"},
                {"name": "s_send", "args": {"to": "ann"}, "id": "two", "type": "tool_call"},
            ],
        )
        config = {"configurable": {"thread_id": "t"}}
        paused = await runnable.ainvoke({"messages": [wanted]}, config)  # type: ignore[call-overload]
        (question,) = paused["__interrupt__"]
        assert question.value["tool"] == "s_send"
        assert "send" not in [call["tool"] for call in house.received]
        done = await runnable.ainvoke(Command(resume="approved"), config)  # type: ignore[call-overload]
    said = [message for message in done["messages"] if isinstance(message, ToolMessage)]
    assert [message.status for message in said] == ["success", "success"]
    assert [call["tool"] for call in house.received].count("send") == 1


async def test_a_question_of_a_server_suspends_the_graph_and_gets_its_answer(
    house: House,
) -> None:
    async with house.gate() as door:
        tools = door.gateway.tools(door.context, ["s_send_wish"], ask=ask)  # type: ignore[arg-type]
        graph = StateGraph(MessagesState)
        graph.add_node("tools", ToolNode(tools))
        graph.set_entry_point("tools")
        runnable = graph.compile(checkpointer=InMemorySaver())
        wanted = AIMessage(
            "",
            tool_calls=[
                {"name": "s_send_wish", "args": {"to": "a"}, "id": "one", "type": "tool_call"}
            ],
        )
        config = {"configurable": {"thread_id": "t"}}
        paused = await runnable.ainvoke({"messages": [wanted]}, config)  # type: ignore[call-overload]
        (question,) = paused["__interrupt__"]
        assert question.value["message"] == "How many?"
        answer = Command(resume=Filled(content={"count": 9}))
        done = await runnable.ainvoke(answer, config)  # type: ignore[call-overload]
    (said,) = [message for message in done["messages"] if isinstance(message, ToolMessage)]
    assert said.status == "success"
    assert '"content":{"count":9}' in said.content
    # The first time it was told to cancel; the second call of it had the answer.
    assert [call["tool"] for call in house.received] == ["send_wish", "send_wish"]
