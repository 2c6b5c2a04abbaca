"""What one vendor's dialect of JSON Schema needs before litellm translates ours into it.

For Gemini litellm rewrites the schemas of tools where they stand: the caller's own, by which the
result is checked and which the next deployment gets. And it makes an object of what names no type.
"""

from __future__ import annotations

from collections.abc import Mapping

from models.deployment import Deployment
from runtime.canonical import Json

_REWRITTEN = frozenset({"gemini", "vertex_ai", "vertex_ai_beta"})
_SCHEMAS = ("tools", "response_format")
_TYPES = {str: "string", bool: "boolean", int: "integer", float: "number"}


def told(params: Mapping[str, Json], deployment: Deployment) -> Mapping[str, Json]:
    """The parameters of a call as this deployment's vendor may have them, and change them."""
    if deployment.provider not in _REWRITTEN:
        return params
    return {key: _typed(value) if key in _SCHEMAS else value for key, value in params.items()}


def _typed(value: Json) -> Json:
    """A copy in which whatever may only be certain values says of what type they are."""
    if isinstance(value, list):
        return [_typed(one) for one in value]
    if not isinstance(value, dict):
        return value
    copy = {key: _typed(one) for key, one in value.items()}
    choices = [copy.pop("const")] if _is_value(copy.get("const")) else copy.get("enum")
    if not isinstance(choices, list):
        return copy
    kinds = {_TYPES.get(type(one), "") for one in choices}
    if len(kinds) == 1 and "" not in kinds:
        copy.setdefault("type", kinds.pop())
        # Only texts may be enumerated there; other values are held against our own schema.
        copy.pop("enum", None)
        if copy["type"] == "string":
            copy["enum"] = choices
    return copy


def _is_value(found: Json) -> bool:
    # A property may be called `const`; then its schema stands here.
    return type(found) in _TYPES
