"""What a call tells about itself: to litellm, to LangChain's stream, and to LangSmith's run."""

from __future__ import annotations

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun
from langchain_core.messages import AIMessage
from langchain_core.tracers.base import BaseTracer

from models.deployment import Tier
from runtime.context import RunContext

_NOTED = ("tier", "deployment", "model", "cost", "finish_reason", "self_judged")


def labels(context: RunContext, tier: Tier) -> dict[str, str]:
    """Whose call it is. Every token that is streamed carries this."""
    return {
        "run": context.run,
        "task": context.task,
        "specialist": context.specialist,
        "tenant": context.tenant,
        "tier": tier,
    }


def tags(context: RunContext, tier: Tier) -> list[str]:
    """The same for listeners that filter by tag."""
    return [f"tier:{tier}", *([f"task:{context.task}"] if context.task else [])]


def note(run_manager: AsyncCallbackManagerForLLMRun, message: AIMessage) -> None:
    """Write into the traced run what is known only after the call: who answered, tokens, cost."""
    known = {
        key: message.response_metadata[key] for key in _NOTED if key in message.response_metadata
    }
    known["ls_model_name"] = message.response_metadata["model_name"]
    known["ls_provider"] = message.response_metadata["provider"]
    if message.usage_metadata:
        known["prompt_tokens"] = message.usage_metadata["input_tokens"]
        known["completion_tokens"] = message.usage_metadata["output_tokens"]
    for handler in run_manager.handlers:
        run = (
            handler.run_map.get(str(run_manager.run_id))
            if isinstance(handler, BaseTracer)
            else None
        )
        if run is not None:
            # A new dict: tracers share theirs between the runs of a tree.
            run.extra = {**run.extra, "metadata": {**run.extra.get("metadata", {}), **known}}
