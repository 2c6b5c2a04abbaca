"""Where a deployment's calls may lead: what its entry in models.yaml clears, and no other place.

Without this an environment variable (OPENAI_BASE_URL and the like, one for nearly every vendor)
decides behind the file's back where a call goes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from models.deployment import Deployment
from runtime.canonical import Json

_ENVIRONMENT = "os.environ/"
_PORTS = {"http": 80, "https": 443}
_BASES = ("api_base", "base_url")
"""Parameters that name an address, whichever the vendor."""
_WRITTEN = (*_BASES, "aws_bedrock_runtime_endpoint")
LOCAL = frozenset({"offline"})
"""Providers that call nobody."""
_VENDORS: Mapping[str, tuple[str, ...]] = {
    # What litellm 1.106.2 calls where neither file nor environment names an address. A name in
    # braces is a parameter that fixes the place; without it any one name may stand there.
    "anthropic": ("https://api.anthropic.com",),
    "bedrock": (
        "https://bedrock-runtime.{aws_region_name}.amazonaws.com",
        "https://bedrock-runtime.{aws_region_name}.amazonaws.com.cn",
    ),
    "cerebras": ("https://api.cerebras.ai",),
    "cohere": ("https://api.cohere.ai", "https://api.cohere.com"),
    "cohere_chat": ("https://api.cohere.ai", "https://api.cohere.com"),
    "deepseek": ("https://api.deepseek.com",),
    "fireworks_ai": ("https://api.fireworks.ai",),
    "gemini": ("https://generativelanguage.googleapis.com",),
    "groq": ("https://api.groq.com",),
    "jina_ai": ("https://api.jina.ai",),
    "mistral": ("https://api.mistral.ai",),
    "ollama": ("http://localhost:11434",),
    "ollama_chat": ("http://localhost:11434",),
    "openai": ("https://api.openai.com",),
    "openrouter": ("https://openrouter.ai",),
    "perplexity": ("https://api.perplexity.ai",),
    "together_ai": ("https://api.together.ai", "https://api.together.xyz"),
    "vertex_ai": (
        "https://{vertex_location}-aiplatform.googleapis.com",
        "https://aiplatform.{vertex_location}.rep.googleapis.com",
        "https://aiplatform.googleapis.com",
    ),
    "voyage": ("https://api.voyageai.com",),
    "xai": ("https://api.x.ai",),
}


@dataclass(frozen=True, slots=True)
class Addresses:
    """The origins that may be called: scheme, host and port."""

    patterns: tuple[re.Pattern[str], ...]

    def include(self, origin: str) -> bool:
        """Whether this origin, in the form of `origin_of`, is among them."""
        return any(pattern.fullmatch(origin) for pattern in self.patterns)


def written(deployment: Deployment, environ: Mapping[str, str] = os.environ) -> str | None:
    """The address in the file, taken from the environment where it says so; None for none."""
    return next(_named(deployment.params, environ, _BASES), None)


def known(deployment: Deployment) -> bool:
    """Whether the file, or what is known of the vendor, says where its calls lead."""
    named = any(deployment.params.get(name) for name in _WRITTEN)
    vendor = _vendor(deployment)
    return named or bool(deployment.addresses) or vendor in _VENDORS or vendor in LOCAL


def cleared(deployment: Deployment, environ: Mapping[str, str] = os.environ) -> Addresses:
    """What a deployment may call: its written address or else its vendor's, and `addresses`."""
    named = list(_named(deployment.params, environ))
    found = [*(named or _of_vendor(deployment, environ)), *deployment.addresses]
    return Addresses(tuple(_pattern(one) for one in found))


def origin_of(url: str) -> str:
    """Scheme, host and port of an address, the port always written."""
    parts = urlsplit(url)
    port = parts.port or _PORTS.get(parts.scheme.lower(), 0)
    return f"{parts.scheme.lower()}://{(parts.hostname or '').lower()}:{port}"


def variables_with(origin: str, environ: Mapping[str, str] = os.environ) -> list[str]:
    """The environment variables that name this origin: the likely reason for a call to it."""
    return sorted(
        name for name, value in environ.items() if "://" in value and _same(value, origin)
    )


def _same(value: str, origin: str) -> bool:
    try:
        return origin_of(value) == origin
    except ValueError:
        return False


def _named(
    params: Mapping[str, Json], environ: Mapping[str, str], names: Sequence[str] = _WRITTEN
) -> Iterator[str]:
    for name in names:
        value = _resolved(params.get(name), environ)
        if value:
            yield value


def _resolved(value: Json, environ: Mapping[str, str]) -> str:
    if isinstance(value, str) and value.startswith(_ENVIRONMENT):
        return environ.get(value.removeprefix(_ENVIRONMENT), "")
    return value if isinstance(value, str) else ""


def _vendor(deployment: Deployment) -> str:
    return str(deployment.params.get("custom_llm_provider") or deployment.provider)


def _of_vendor(deployment: Deployment, environ: Mapping[str, str]) -> list[str]:
    def fixed(name: re.Match[str]) -> str:
        return _resolved(deployment.params.get(name[1]), environ) or "*"

    vendor = _VENDORS.get(_vendor(deployment), ())
    return [re.sub(r"\{(\w+)\}", fixed, one) for one in vendor]


def _pattern(address: str) -> re.Pattern[str]:
    """A star stands for one part of a host's name, never for several."""
    return re.compile(re.escape(origin_of(address)).replace(r"\*", "[a-z0-9-]+"))
