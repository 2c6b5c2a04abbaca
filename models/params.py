"""Which of litellm's parameters nobody may set, in the file or for one call.

They would pass by what is decided here: who is asked, how often, and how long an answer may be.
"""

from __future__ import annotations

from collections.abc import Mapping

from runtime.canonical import Json

_OURS = frozenset(
    {"cooldowntime", "maxretries", "metadata", "modellist", "numretries", "retrypolicy"}
    | {"silentmodel"}
)
_LENGTHS = frozenset(
    {"bestof", "candidatecount", "maxcompletiontokens", "maxgenlen", "maxnewtokens"}
    | {"maxoutputtokens", "maxtokencount", "maxtokens", "maxtokenstosample", "n", "npredict"}
    | {"numcompletions", "numgenerations", "numpredict"}
)
"""What vendors and servers call the length and the number of answers."""
_QUESTION = frozenset({"messages", "model", "models", "route"})
_OPEN = frozenset({"extra_headers", "functions", "headers", "response_format", "tools"})
"""What these hold has names of somebody's own."""
LENGTH = "Write `max_tokens`, and nothing else of that kind: so much is set aside for one answer."
OTHER = "Remove it: who is asked, and how often, follows from the order of the deployments."


def refused(params: Mapping[str, Json]) -> tuple[str, str] | None:
    """The first parameter that may not be set, as `extra_body.max_tokens`, and what to do about it;
    None when all may."""
    for name, value in params.items():
        if name != "max_tokens" and (remedy := _why(name)):
            return name, remedy
        if found := _inside(name, value):
            return found
    return None


def _inside(path: str, value: Json) -> tuple[str, str] | None:
    """The same of what is sent as it stands."""
    if path.rpartition(".")[2] in _OPEN or not isinstance(value, Mapping):
        return None
    for name, inner in value.items():
        here = f"{path}.{name}"
        if remedy := _why(name) or (OTHER if _plain(name) in _QUESTION else ""):
            return here, remedy
        if found := _inside(here, inner):
            return found
    return None


def _why(name: str) -> str:
    plain = _plain(name)
    if plain in _LENGTHS:
        return LENGTH
    return OTHER if plain in _OURS or "fallback" in plain or plain.startswith("mock") else ""


def _plain(name: str) -> str:
    return str(name).replace("_", "").replace("-", "").lower()
