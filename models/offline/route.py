"""A routing turn: the candidate whose summary shares most with the request, or none of them."""

from __future__ import annotations

from collections.abc import Mapping

from models.offline.conversation import Conversation
from models.offline.schema import Schema, properties, required, resolve, type_of
from models.offline.words import Weights, name_key, stems, terms
from runtime.canonical import Json

_NONE = stems("none decline unknown other nobody unsupported")


def answer(conversation: Conversation, schema: Schema) -> Json | None:
    """A route, shaped as the schema wants it; None if no route is demanded."""
    candidates = _candidates(conversation)
    offered = _choices(schema, schema, set(candidates))
    if not offered:
        return None
    chosen, share = _choose(_request(conversation), candidates, offered)
    return _shaped(schema, schema, chosen, share, conversation, set(offered))


def _candidates(conversation: Conversation) -> dict[str, str]:
    brief = conversation.brief
    found = dict(brief.preamble.candidates)
    for section in brief.sections.values():
        found |= section.candidates
    return found


def _request(conversation: Conversation) -> str:
    """What the user asked; the candidates' own lines must not count as a part of it."""
    text = conversation.brief.get("request", "objective", "question").prose
    lines = (text or conversation.brief.preamble.prose).splitlines()
    return "\n".join(line for line in lines if not line.lstrip().startswith(("- ", "* ")))


def _choices(schema: Json, root: Schema, names: set[str], depth: int = 0) -> list[str]:
    """The values of the first choice in the schema that offers candidates."""
    known = resolve(schema, root)
    values = [value for value in known.get("enum", ()) if isinstance(value, str)]
    if set(values) & names:
        return values
    inner = [*properties(known).values(), known.get("items", {})] if depth < 5 else []
    for part in inner:
        if found := _choices(part, root, names, depth + 1):
            return found
    return []


def _choose(request: str, candidates: Mapping[str, str], offered: list[str]) -> tuple[str, float]:
    """The best candidate with its share of the request's weight."""
    texts = {name: terms(f"{name} {candidates.get(name, '')}") for name in offered}
    weights = Weights(texts.values())
    query = terms(request)
    scored = {name: weights.shared(query, texts[name]) for name in offered if not _no(name)}
    best = max(scored, key=lambda name: scored[name], default=offered[0])
    if scored.get(best, 0.0) > 0:
        whole = weights.shared(query, query)
        return best, scored[best] / whole
    return next((name for name in offered if _no(name)), best), 0.0


def _no(name: str) -> bool:
    return bool(set(name_key(name)) & _NONE)


def _shaped(
    schema: Json,
    root: Schema,
    chosen: str,
    share: float,
    conversation: Conversation,
    offered: set[str],
) -> Json:
    known = resolve(schema, root)
    if "enum" in known:
        return chosen if set(known["enum"]) & offered else known["enum"][0]
    match type_of(known):
        case "object":
            must = set(required(known)) or set(properties(known))
            return {
                name: _shaped(part, root, chosen, share, conversation, offered)
                for name, part in properties(known).items()
                if name in must
            }
        case "array":
            items = known.get("items", {})
            wanted = type_of(resolve(items, root)) == "object" or _choices(items, root, offered)
            return [_shaped(items, root, chosen, share, conversation, offered)] if wanted else []
        case "number":
            return round(min(1.0, share), 2) * known.get("maximum", 1)
        case "integer":
            return round(min(1.0, share) * known.get("maximum", 100))
        case "boolean":
            return False
        case _:
            return _words(known, conversation)


def _words(schema: Schema, conversation: Conversation) -> str:
    about = terms(str(schema.get("title", "")) + " " + str(schema.get("description", "")))
    if about & terms("reason why because explanation"):
        return "Chosen by the words that the request shares with the summary."
    return _request(conversation).strip()
