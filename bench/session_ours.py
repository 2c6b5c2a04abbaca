"""Sessions on our door, for `bench/sessions.py`: each a run of the ledger with ceilings of its own.

The argument is the provider's address.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware
from langchain.agents.middleware.types import ModelRequest, ModelResponse
from langchain_core.language_models import BaseChatModel, FakeListChatModel
from langchain_core.messages import HumanMessage

from bench.model_ours import begin, opened
from bench.session_load import SYSTEM, answer, look_up, question


class OwnModel(AgentMiddleware[Any, BaseChatModel, Any]):
    """One loop for all sessions, as our workers share theirs; the model is each session's own."""

    async def awrap_model_call(
        self,
        request: ModelRequest[Any],
        handler: Any,  # noqa: ANN401 - theirs
    ) -> ModelResponse[Any]:
        """Ask the session's model."""
        answered: ModelResponse[Any] = await handler(
            request.override(model=request.runtime.context)
        )
        return answered


async def main() -> None:
    """Answer until the input ends."""
    nobody = FakeListChatModel(responses=["nobody"])
    agent: Any = create_agent(
        nobody,
        [look_up],
        system_prompt=SYSTEM,
        middleware=[OwnModel()],
        context_schema=BaseChatModel,
    )
    with tempfile.TemporaryDirectory() as folder:
        async with opened(sys.argv[1], Path(folder)) as (models, ledger, context):

            async def session(number: int) -> str:
                own = replace(context, run=f"session{number}")
                await begin(ledger, own)
                asked = {"messages": [HumanMessage(question(number))]}
                state = await agent.ainvoke(asked, context=models.chat("work", own))
                return str(state["messages"][-1].text)

            await answer(session, versions={"litellm": version("litellm")})


if __name__ == "__main__":
    asyncio.run(main())
