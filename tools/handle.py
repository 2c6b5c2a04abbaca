"""A tool as an agent holds it: a name, a schema, and a way into the gateway. Nothing else is in it,
so that an agent which takes it apart finds no server behind it.
"""

# Without postponed annotations: LangChain looks at those of `_arun` with each call, and a text has
# to be compiled for that.
from collections.abc import Awaitable, Callable

from langchain_core.messages import ToolMessage
from langchain_core.tools import BaseTool
from pydantic import PrivateAttr

from runtime.canonical import Json
from tools.calls import ToolReply

Enter = Callable[[dict[str, Json], str], Awaitable[ToolReply]]
"""Takes the arguments and the model's id of the call through the gateway."""


class ToolHandle(BaseTool):
    """A tool for `create_agent`. Errors and denials come back as messages, and end no run.

    The content of a message begins with a line `evidence: <call id>`, unless it is an error. Its
    artifact has the fields `call`, `outcome` and `handed_off` of the reply.
    """

    _enter: Enter = PrivateAttr()

    def __init__(self, name: str, description: str, schema: Json, enter: Enter) -> None:
        super().__init__(name=name, description=description, args_schema=schema)
        self._enter = enter

    def _to_args_and_kwargs(  # type: ignore[override]  # its args need not be texts
        self, tool_input: str | dict[str, Json], tool_call_id: str | None
    ) -> tuple[tuple[object, ...], dict[str, Json]]:
        # As positions, since a tool may have an argument named `config` or `run_manager`.
        return (tool_input, tool_call_id), {}

    def _run(self, *args: object, **kwargs: object) -> object:  # noqa: ARG002
        raise TypeError(f"{self.name} is called with `await`: there is no other way through.")

    async def _arun(self, *args: object, **kwargs: object) -> ToolMessage | str:  # noqa: ARG002
        given, call = args
        arguments = given if isinstance(given, dict) else {"input": given}
        reply = await self._enter(arguments, call if isinstance(call, str) else "")
        content = reply.text if reply.error else f"evidence: {reply.id}\n{reply.text}"
        if not isinstance(call, str):
            return content
        return ToolMessage(
            content,
            name=self.name,
            tool_call_id=call,
            status="error" if reply.error else "success",
            artifact={
                "call": reply.id,
                "outcome": reply.outcome,
                "handed_off": reply.handed_off,
            },
        )
