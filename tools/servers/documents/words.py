"""Words of a text as they are compared: folded, without endings, compounds whole and in parts."""

import re
import unicodedata
from functools import lru_cache

_WORD = re.compile(r"[^\W_]+(?:[-._/@][^\W_]+|_+[^\W_]+)*")
_PARTS = re.compile(r"[-._/@]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

_STOPWORDS = (
    "a about after again all also an and any are as at be because been before being between both "
    "but by can could did do does doing down during each few for from further had has have having "
    "he her here hers him his how i if in into is it its just me more most my no nor not of off on "
    "once only or other our out over own s same she should so some such than that the their them "
    "then there these they this those through to too under until up us very was we were what when "
    "where which while who whom why will with would you your"
)


def words_of(text: str) -> list[str]:
    """Compared forms of all words, in order; a compound is followed by its parts."""
    found: list[str] = []
    for match in _WORD.finditer(text):
        word = match.group()
        whole = _form(word)
        found.append(whole)
        parts = [part for piece in _PARTS.split(word) for part in _CAMEL.split(piece) if part]
        if len(parts) > 1:
            found.extend(_form(part) for part in parts)
    return found


def query_words(query: str) -> dict[str, str]:
    """Compared form and spelling of the words that carry the question; of all if none does."""
    every: dict[str, str] = {}
    for match in _WORD.finditer(query):
        for form in words_of(match.group()):
            every.setdefault(form, match.group())
    stop = {_form(word) for word in _STOPWORDS.split()}
    telling = {form: word for form, word in every.items() if form not in stop}
    return telling or every


@lru_cache(maxsize=65536)
def _form(word: str) -> str:
    letters = unicodedata.normalize("NFKD", word.casefold())
    folded = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return stem(folded) if folded.isascii() and folded.isalpha() else folded


def stem(word: str) -> str:
    """`word` without English plural, past and -ing endings (the first step of Porter, 1980)."""
    if len(word) <= 3:
        return word
    word = _plural(word)
    for ending in ("ed", "ing"):
        root = word.removesuffix(ending)
        if root != word and len(root) > 1 and _has_vowel(root) and not word.endswith("eed"):
            word = _mended(root)
            break
    word = word.removesuffix("e") if len(word) > 3 else word
    if word.endswith("y") and len(word) > 2 and _has_vowel(word[:-1]):
        word = word[:-1] + "i"
    return word


def _plural(word: str) -> str:
    if word.endswith("sses"):
        return word[:-2]
    if word.endswith("ies"):
        return word[:-2]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def _mended(root: str) -> str:
    if root.endswith(("at", "bl", "iz")):
        return root + "e"
    if len(root) > 2 and root[-1] == root[-2] and root[-1] not in "lsz":
        return root[:-1]
    return root


def _has_vowel(text: str) -> bool:
    return any(letter in "aeiouy" for letter in text)
