"""What the vendors' wires say of an answer besides its words: why it ended, and that it is refused.

litellm calls an end that it does not know, and one that is missing, a good one. So what came is
read here, each field at its own place: the argument of a tool may have any name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from runtime.canonical import Json

DONE = frozenset(
    {
        "complete",
        "completed",
        "end_turn",
        "eos",
        "eos_token",
        "function_call",
        "stop",
        "stop_sequence",
        "tool_call",
        "tool_calls",
        "tool_use",
    }
)
"""The words by which a model says that it had said all, in small letters."""
CUT = frozenset(
    {
        "incomplete",
        "length",
        "max_output_tokens",
        "max_tokens",
        "model_context_window_exceeded",
        "model_length",
    }
)
"""Those by which it says that there was no room for more."""


def end(said: Json) -> str | None:
    """Why an answer ended, in the vendor's word, from the answer or an event of its stream.

    Empty where the wire has a place for it and nothing stands there; None where this is no answer,
    or one on a wire that is not known here.
    """
    match said:
        case {"choices": [_, *_] as choices}:
            return _all(choices, "finish_reason")
        case {"candidates": [_, *_] as candidates}:
            return _all(candidates, "finishReason")
        case {"type": "message"}:
            return _word(said, "stop_reason")
        case {"type": "message_start"}:
            return ""
        case {"type": "message_delta", "delta": {"stop_reason": _} as delta}:
            return _word(delta, "stop_reason")
        case {"output": {"message": _}}:
            return _word(said, "stopReason")
        case {"object": "response"}:
            return _of_response(said)
        case {"response": {"object": "response"} as whole}:
            return _of_response(whole)
        case {"message": _, "done": done}:
            return _word(said, "done_reason") or ("stop" if done is True else "")
        case {"message": _, "finish_reason": _}:
            return _word(said, "finish_reason")
    return None


def refusal(said: Json) -> str:
    """The words by which a model will not answer, where the wire keeps them apart; else empty.
    OpenAI's does, of an answer or of an event of its stream."""
    match said:
        case {"choices": [*choices]}:
            parts = [one.get(key) for one in _mappings(choices) for key in ("message", "delta")]
            return "".join(_word(part, "refusal") for part in _mappings(parts))
        case {"type": "response.refusal.delta"}:
            return _word(said, "delta")
        case {"object": "response", "output": [*items]}:
            contents = [one.get("content") for one in _mappings(items)]
            parts = [part for content in contents if isinstance(content, list) for part in content]
            return "".join(_word(part, "refusal") for part in _mappings(parts))
    return ""


def _of_response(response: Mapping[str, Json]) -> str:
    status = _word(response, "status")
    return status if status in ("completed", "incomplete") else ""


def _all(choices: Sequence[Json], key: str) -> str:
    """The first one's; empty unless each has one, since an answer may be split over several."""
    words = [_word(one, key) if isinstance(one, Mapping) else "" for one in choices]
    return words[0] if all(words) else ""


def _word(said: Mapping[str, Json], key: str) -> str:
    found = said.get(key)
    return found if isinstance(found, str) else ""


def _mappings(values: Sequence[Json]) -> list[Mapping[str, Json]]:
    return [value for value in values if isinstance(value, Mapping)]
