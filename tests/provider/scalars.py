"""Texts and numbers for a schema: what the name of a property suggests, within its limits.
The names are those that schemas everywhere use; an unknown one gets a passage."""

from __future__ import annotations

import math
import random
import re
import uuid

from pydantic import JsonValue

from tests.provider.exchange import JsonObject
from tests.provider.material import Material
from tests.provider.patterns import sample

EMAIL = r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
URL = r"https?://[^\s\"'<>)]*[\w/]"
PATH = r"(?<![\w/@.:])(?:[\w.-]+/)*[\w-]+\.[a-z]{1,5}\b"
DATE = r"\b\d{4}-\d{2}-\d{2}\b"


def text(
    schema: JsonObject, key: str, material: Material, rng: random.Random, *, plain: bool
) -> str:
    """A text that obeys pattern, format and length of the schema where that is possible."""
    pattern, form = schema.get("pattern"), schema.get("format")
    least, most = _whole(schema.get("minLength"), 0), _whole(schema.get("maxLength"), 10_000)
    meant = _by_format(form, material, rng) if isinstance(form, str) else None
    said = meant or _by_name(key, material, rng)
    if isinstance(pattern, str) and (plain or not re.search(pattern, said)):
        return _matching(pattern, key, material, rng)
    while len(said) < least:
        said = f"{said} {material.keywords(8)}"
    return said[:most]


def number(schema: JsonObject, key: str, material: Material, *, whole: bool) -> int | float:
    """A number of the request that is within the limits, else one that is."""
    low, high, step = _range(schema, whole)
    for found in material.numbers(key):
        if low <= found <= high and (step is None or math.isclose(found % step, 0)):
            return found
    start = low if math.isfinite(low) else min(1.0, high)
    if step is not None:
        start = math.ceil(start / step) * step
    return math.ceil(start) if whole else start


def _range(schema: JsonObject, whole: bool) -> tuple[float, float, float | None]:
    tiny = 1 if whole else 1e-6
    low = max(
        _number(schema.get("minimum"), -math.inf),
        _number(schema.get("exclusiveMinimum"), -math.inf) + tiny,
    )
    high = min(
        _number(schema.get("maximum"), math.inf),
        _number(schema.get("exclusiveMaximum"), math.inf) - tiny,
    )
    step = _number(schema.get("multipleOf"), 0.0)
    return low, high, step or None


def _matching(pattern: str, key: str, material: Material, rng: random.Random) -> str:
    """Words of the request in the form of an identifier if the pattern takes them."""
    slug = "-".join(material.keywords(3).split())
    for candidate in (slug, slug.replace("-", "_"), slug.upper(), *map(str, material.numbers(key))):
        if re.search(pattern, candidate):
            return candidate
    return sample(pattern, rng)


def _by_format(form: str, material: Material, rng: random.Random) -> str | None:
    match form:
        case "date":
            return material.find(DATE) or "2026-01-01"
        case "date-time":
            return f"{material.find(DATE) or '2026-01-01'}T09:00:00Z"
        case "time":
            return "09:00:00Z"
        case "duration":
            return "PT1H"
        case "email":
            return material.find(EMAIL) or "someone@example.org"
        case "uri" | "url" | "iri":
            return material.find(URL) or "https://example.org/"
        case "uuid":
            return str(uuid.UUID(int=rng.getrandbits(128), version=4))
        case "ipv4":
            return "192.0.2.1"
        case "hostname":
            return "example.org"
        case _:
            return None


def _by_name(key: str, material: Material, rng: random.Random) -> str:
    name = key.lower()
    if re.search(r"evidence|call_?ids?$", name) and material.call_ids:
        return rng.choice(material.call_ids)
    if re.search(r"e_?mail|recipient|^to$", name):
        return material.find(EMAIL) or "someone@example.org"
    if re.search(r"ur[il]|link", name):
        return material.find(URL) or "https://example.org/"
    if re.search(r"path|file|folder|dir", name):
        return material.find(PATH) or "."
    if re.search(r"date|day", name):
        return material.find(DATE) or "2026-01-01"
    if re.search(r"tool", name) and material.tool_names:
        return material.choose(material.tool_names, rng)
    if re.search(r"(^|_)(id|key|ref)s?$", name):
        numbers = material.numbers(name)
        return str(numbers[0]) if numbers else "-".join(material.keywords(2).split())
    if re.search(r"quer|search|keyword|term|pattern|topic|subject|title|name$|^q$", name):
        return material.keywords(6)
    if re.search(r"question|request|goal|objective|task|instruction", name):
        return material.request.strip()[:240] or "nothing to say"
    return material.passage(rng)


def _whole(value: JsonValue, otherwise: int) -> int:
    return value if isinstance(value, int) else otherwise


def _number(value: JsonValue, otherwise: float) -> float:
    return float(value) if isinstance(value, int | float) else otherwise
