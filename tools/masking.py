"""Takes secrets out of what is recorded, shown, traced or handed to an agent.

Three things are secrets: values that this process knows to be some, values that stand under a name
which says so, such as `password`, and what has the shape of one. A server still gets its arguments
as they are.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache

from runtime.canonical import Json
from tools.results import Answer
from tools.secret_forms import broken, forms, looks_secret, shapeless
from tools.sieve import Sieve

MASK = "[masked]"

_SHORTEST = 6
"""Characters of a secret; a shorter one would be found in words that have nothing to do with it."""

_PLAIN_SECRETS = frozenset(
    [
        "password",
        "passwd",
        "passphrase",
        "secret",
        "secrets",
        "authorization",
        "credential",
        "credentials",
        "apikey",
        "passcode",
        "bearer",
    ]
)
_KEYS = frozenset(["api", "private", "access", "secret", "signing", "encryption", "ssh", "auth"])
# Names of things about a secret, and of tokens that only tell where a list goes on.
_HARMLESS = frozenset(
    [
        "page",
        "next",
        "prev",
        "previous",
        "cursor",
        "continuation",
        "continue",
        "sync",
        "count",
        "type",
        "kind",
        "limit",
        "max",
        "min",
        "length",
        "policy",
        "required",
        "usage",
        "budget",
        "name",
        "hint",
        "expires",
        "expiry",
        "total",
        "used",
    ]
)
_PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")

# Long ones, which are found in a fifth of the time of short ones; every name above has one.
_HINTS = (
    "passw",
    "passphrase",
    "passcode",
    "secret",
    "token",
    "authorization",
    "credential",
    "api_key",
    "apikey",
    "api-key",
    "access_key",
    "accesskey",
    "access-key",
    "private_key",
    "privatekey",
    "private-key",
    "bearer",
)
_BEARER = re.compile(r"(?i)\b(bearer\s+)[\w.~+/=-]{6,}")
_PAIR = re.compile(
    r"""(?ix)
    (pass(?:word|wd|phrase|code) | secret | token | authorization | credential
      | (?:api|access|private)[_-]?key)
    ([\w-]{0,40})                                     # the rest of the name
    (\\{0,3}["']? \s{0,4} (?:=>|[:=]) \s{0,4})        # what stands between name and value
    (?: (\\{0,3}["']) (?![\s,:}\]]) (.{1,4000}?) \4
      | ((?:(?:basic|bearer|digest|token)\s+)? [^\s,;&"'<>(){}\[\]\\]{3,4000}) )
    """
)
_BEFORE = re.compile(r"[\w-]{0,40}\Z")
_LONG = 20
"""A bare value of so many characters under such a name is no word of a sentence."""


class Masking:
    """The secrets that are known, and the rule by names."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._forms: list[str] = []
        self._broken: dict[tuple[str, str], re.Pattern[str]] = {}
        self.add(secrets)

    def add(self, secrets: Iterable[str]) -> None:
        """Know more secrets from now on; those that are too short to be told from words are not."""
        long = {secret for secret in secrets if len(secret) >= _SHORTEST}
        found = {form for secret in long for form in forms(secret)}
        # The longest first, since one may be a part of another.
        self._forms = sorted(found | set(self._forms), key=len, reverse=True)
        self._broken.update(split for secret in long if (split := broken(secret)))
        halves = (half for both in self._broken for half in both)
        self._sieve = Sieve([*self._forms, *halves])

    def known(self, text: str) -> str:
        """The text without the secrets that are known; names and shapes are not looked at."""
        if not self._sieve.may_hold(text):
            return text
        for form in self._forms:
            if form in text:
                text = text.replace(form, MASK)
        for (first, second), pattern in self._broken.items():
            if first in text or second in text:
                text = pattern.sub(MASK, text)
        return text

    def in_file(self, text: str) -> str:
        """The text without secrets that are known or have the shape of one. Names are not looked
        at: in a program, what stands behind `token =` is no secret as a rule."""
        text = self.known(text)
        return shapeless(text, MASK) if looks_secret(text) else text

    def text(self, text: str) -> str:
        """The text without secrets; the rest of it stays as it is."""
        if len(text) < _SHORTEST:
            return text
        text = self.in_file(text)
        lower = text.lower()
        if not any(hint in lower for hint in _HINTS):
            return text
        return _PAIR.sub(_masked_pair, _BEARER.sub(rf"\1{MASK}", text))

    def value(self, value: Json) -> Json:
        """A JSON value without secrets; under a name that says so, no text is left."""
        match value:
            case str():
                return self.text(value)
            case dict():
                return {
                    self.text(str(name)): _blank(one) if _is_secret(str(name)) else self.value(one)
                    for name, one in value.items()
                }
            case list() | tuple():
                return [self.value(one) for one in value]
            case _:
                return value

    def known_in(self, value: Json) -> Json:
        """A JSON value without the secrets that are known; the same object where there are none."""
        match value:
            case str():
                return self.known(value)
            case dict():
                found = {self.known(str(name)): self.known_in(one) for name, one in value.items()}
                return value if found == value else found
            case list() | tuple():
                parts = [self.known_in(one) for one in value]
                return value if parts == list(value) else parts
            case _:
                return value

    def answer(self, answer: Answer) -> Answer:
        """What a tool said, without secrets in its text, data and blocks."""
        if answer.blocks is not None:
            answer = replace(answer, blocks=self.value(answer.blocks))
        if not self._suspects(answer.text):
            # The text says all that is in the data: to walk through that too would cost as much
            # again as the call.
            return answer
        data = self.value(answer.data)
        if answer.data is not None and answer.text == _compact(answer.data):
            return replace(answer, text=_compact(data), data=data)
        return replace(answer, text=self.text(answer.text), data=data)

    def where_suspect(self, value: Json, text: str) -> Json:
        """The value without secrets; the same object where its text gives no reason to look."""
        return self.value(value) if self._suspects(text) else value

    def _suspects(self, text: str) -> bool:
        lower = text.lower()
        return (
            any(hint in lower for hint in _HINTS)
            or looks_secret(text)
            or self._sieve.may_hold(text)
        )

    def log_filter(self) -> logging.Filter:
        """A filter that masks the messages of a logger."""
        return _LogFilter(self)


class _LogFilter(logging.Filter):
    def __init__(self, masking: Masking) -> None:
        super().__init__()
        self._masking = masking

    def filter(self, record: logging.LogRecord) -> bool:
        """Mask the message in its place; every record passes."""
        record.msg, record.args = self._masking.text(record.getMessage()), ()
        return True


def _compact(data: Json) -> str:
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False)


def _blank(value: Json) -> Json:
    """The shape of a value whose texts are all secret."""
    match value:
        case str():
            return MASK if value else value
        case dict():
            return {name: _blank(one) for name, one in value.items()}
        case list() | tuple():
            return [_blank(one) for one in value]
        case _:
            return value


@lru_cache(maxsize=4096)
def _is_secret(name: str) -> bool:
    """Whether a value of this name is secret, whatever it is."""
    words = {part.lower() for part in _PARTS.findall(name)}
    if words & _HARMLESS:
        return False
    return bool(words & _PLAIN_SECRETS or "token" in words or ("key" in words and words & _KEYS))


def _masked_pair(match: re.Match[str]) -> str:
    stem, rest, between, mark, _, bare = match.groups()
    before = _BEFORE.search(match.string, max(0, match.start() - 40), match.start())
    if not _is_secret(f"{before.group() if before else ''}{stem}{rest}"):
        return match.group()
    if mark:
        return f"{stem}{rest}{between}{mark}{MASK}{mark}"
    if "=" in between or len(bare) >= _LONG or any(one.isdigit() for one in bare):
        # A bare number in JSON stays one: it is no secret, and what is left must be JSON.
        return match.group() if _is_number(bare) else f"{stem}{rest}{between}{MASK}"
    return match.group()


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
