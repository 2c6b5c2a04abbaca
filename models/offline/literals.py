"""Values that stand literally in a request: numbers after a noun, addresses, ids, quoted text."""

from __future__ import annotations

import re

from models.offline.schema import Schema, type_of
from models.offline.words import name_key, stem, stems, words
from runtime.canonical import Json

EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_URL = re.compile(r"https?://[^\s<>\"')\]]+")
_DATE = re.compile(r"\b\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2})?Z?)?\b")
_PATH = re.compile(
    r"(?<![\w/])(?:[\w.-]*/[\w./-]+|[\w-]+\.(?:md|txt|html?|pdf|csv|json|ya?ml|log))"
)
_QUOTED = re.compile(r"[\"“”«»`]([^\"“”«»`]+)[\"“”«»`]|(?<!\w)'([^']+)'(?!\w)")
_CODE = re.compile(r"\b[A-Z]{1,6}-\d+\b")
_NUMBER = re.compile(r"(?<![\w.-])-?\d+(?:\.\d+)?(?![\w-]|\.\d)")
_NAME = re.compile(r"\b[A-Z][\w'-]+(?:\s+[A-Z][\w'-]+)+")
_CAPITALS = re.compile(r"\b[A-Z][\w'-]+(?:\s+[A-Z][\w'-]+)*")
_FORMATS = {"email": EMAIL, "uri": _URL, "url": _URL, "date": _DATE, "date-time": _DATE}
_MAIL_WORDS = stems("to email mail recipient address cc")
ID_WORDS = stems("id number no key code ref reference")
_URL_WORDS = stems("url uri link")
_DATE_WORDS = stems("date day since until")
_PATH_WORDS = stems("path file folder")
_NAME_WORDS = stems("name")


def literal(name: str, schema: Schema, text: str) -> Json:
    """The value for an argument of that name as it stands in the text; None if it does not."""
    if "enum" in schema:
        return _named(schema["enum"], text)
    wanted = type_of(schema)
    if wanted in ("integer", "number"):
        return _number(name, text, whole=wanted == "integer")
    return _string(name, schema, text) if wanted == "string" else None


def _named(values: list[Json], text: str) -> Json:
    spoken = [stem(word) for word in words(text)]
    for value in values:
        if isinstance(value, str) and _within([stem(w) for w in words(value)], spoken):
            return value
    return None


def _within(phrase: list[str], spoken: list[str]) -> bool:
    size = len(phrase)
    return size > 0 and any(spoken[i : i + size] == phrase for i in range(len(spoken) - size + 1))


def _number(name: str, text: str, *, whole: bool) -> Json:
    """`customer_id` is the number after the word customer; `id` alone is the only number."""
    nouns = [part for part in name_key(name) if part not in ID_WORDS]
    numbers = _NUMBER.findall(text)
    found = _after(nouns, text, r"-?\d+(?:\.\d+)?") if nouns else None
    if not nouns and len(numbers) == 1:
        found = numbers[0]
    if found is None:
        return None
    value = float(found)
    return int(value) if whole and value.is_integer() else None if whole else value


def _after(nouns: list[str], text: str, pattern: str) -> str | None:
    """What follows one of the nouns, over a `#`, `no.`, `id` or colon."""
    for match in re.finditer(
        rf"([^\W\d_]+)\s*(?:(?:id|no\.?|number|nr\.?)\s*)?[#:=]?\s*({pattern})(?![\w-]|\.\d)",
        text,
        re.IGNORECASE,
    ):
        if stem(match[1].lower()) in nouns:
            return match[2]
    return None


def _string(name: str, schema: Schema, text: str) -> str | None:
    key = set(name_key(name))
    hint = set(words(str(schema.get("description", ""))))
    if pattern := _FORMATS.get(str(schema.get("format"))):
        return _first(pattern, text)
    if key & _MAIL_WORDS or hint & {"email", "mail"}:
        return _first(EMAIL, text)
    if key & _URL_WORDS:
        return _first(_URL, text)
    if key & _DATE_WORDS:
        return _first(_DATE, text)
    if key & _PATH_WORDS:
        return _first(_PATH, text)
    if key & ID_WORDS:
        return _first(_CODE, text) or _after(list(key - ID_WORDS), text, r"[\w-]*\d[\w-]*")
    return _quoted(text) or (_first(_NAME, text[1:]) if key & _NAME_WORDS else None)


def proper_name(text: str) -> str | None:
    """The first name in a request: capitalised words that do not merely begin a sentence."""
    for match in _CAPITALS.finditer(text):
        words_before = text[: match.start()].rstrip()
        begins = not words_before or words_before.endswith((".", "!", "?", ":"))
        kept = match[0].split(None, 1)[1:] if begins else [match[0]]
        if kept:
            return kept[0]
    return None


def _first(pattern: re.Pattern[str], text: str) -> str | None:
    found = pattern.search(text)
    return found[0].rstrip(".,;") if found else None


def _quoted(text: str) -> str | None:
    found = _QUOTED.search(text)
    return (found[1] or found[2]) if found else None
