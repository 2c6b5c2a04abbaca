"""What is set aside is an upper bound: no real tokenizer counts more, whatever the text."""

from __future__ import annotations

import base64
import random
import string
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest
import tiktoken
from tokenizers import Tokenizer

from models.answers import most
from models.deployment import Deployment
from models.usage import Usage, estimate, estimate_prompt, settled, worst
from runtime.canonical import Json
from runtime.labels import Label
from runtime.settings import ROOT

_CHANCE = random.Random(1)


def drawn(alphabet: str, shortest: int, longest: int, words: int = 400) -> str:
    """Words of letters by chance, which no vocabulary knows."""
    sizes = [_CHANCE.randint(shortest, longest) for _ in range(words)]
    return " ".join("".join(_CHANCE.choice(alphabet) for _ in range(size)) for size in sizes)


def between(first: int, last: int) -> str:
    return "".join(chr(_CHANCE.randint(first, last)) for _ in range(1000))


TEXTS = {
    "prose": (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8"),
    "code": Path(__file__).read_text(encoding="utf-8"),
    "words": drawn(string.ascii_lowercase, 1, 12),
    "rare letters": drawn("qxzjvkw", 1, 12),
    "rare letters in one word": drawn("qxzjvkw", 2000, 2000, words=1),
    "single letters": drawn(string.ascii_lowercase, 1, 1),
    "three letters": drawn(string.ascii_lowercase, 3, 3),
    "letters and digits": drawn("qxzjvkw0123456789", 5, 30),
    "capitals": drawn(string.ascii_uppercase, 1, 12),
    "mixed case": drawn(string.ascii_letters, 5, 30),
    "base64": base64.b64encode(_CHANCE.randbytes(3000)).decode(),
    "digits": drawn(string.digits, 3000, 3000, words=1),
    "punctuation": drawn(string.punctuation, 5, 30),
    "printable": drawn(string.printable, 5, 30),
    "emoji": between(0x1F300, 0x1FAFF),
    "common CJK": between(0x4E00, 0x9FFF),
    "rare CJK": between(0x20000, 0x2A6DF),
    "accents": between(0xC0, 0x17F),
    "squared words, which grow in their normal form": between(0x3300, 0x33FF),
    "musical signs, which become three characters": "\U0001d160" * 300,
    "an Arabic phrase in one character": "\ufdfa" * 100,
    "nothing": "",
}


@cache
def tokenizers() -> dict[str, Callable[[str], int]]:
    """Real vocabularies that come with litellm: two of OpenAI, one of Anthropic."""
    spec = find_spec("litellm")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent / "litellm_core_utils" / "tokenizers"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIKTOKEN_CACHE_DIR", str(folder))
        ours = [tiktoken.get_encoding(name) for name in ("cl100k_base", "o200k_base")]
    theirs = Tokenizer.from_file(str(folder / "anthropic_tokenizer.json"))
    found: dict[str, Callable[[str], int]] = {
        one.name: lambda text, one=one: len(one.encode(text, disallowed_special=()))  # type: ignore[misc]
        for one in ours
    }
    return found | {"anthropic": lambda text: len(theirs.encode(text).ids)}


@pytest.mark.parametrize("name", TEXTS)
def test_no_tokenizer_counts_more_than_the_estimate(name: str) -> None:
    text = TEXTS[name]
    counts = {vendor: count(text) for vendor, count in tokenizers().items()}
    assert max(counts.values()) <= estimate(text), counts


def test_ordinary_text_is_not_taken_for_the_worst() -> None:
    prose = "The reservation is given back once the answer is there and has been counted. " * 50
    real = max(count(prose) for count in tokenizers().values())
    assert real < estimate(prose) < 4 * real


def test_a_prompt_counts_its_tools_and_its_structure() -> None:
    messages = [{"role": "user", "content": "hello"}]
    tool = {"type": "function", "function": {"name": "look", "parameters": {}}}
    bare = estimate_prompt(messages, None)
    assert bare >= estimate("hello") + 64
    assert estimate_prompt(messages, [tool]) >= bare + 600


def test_what_else_is_sent_counts_as_well() -> None:
    messages = [{"role": "user", "content": "hello"}]
    bare = estimate_prompt(messages, None)
    schema = {"type": "object", "properties": {"found": {"type": "string"}}}
    assert estimate_prompt(messages, None, {"response_format": schema}) > bare + estimate(schema)
    picture = {"type": "image_url", "image_url": {"url": "https://pictures.example/1.png"}}
    shown = [{"role": "user", "content": [{"type": "text", "text": "hello"}, picture]}]
    assert bare + 10_000 < estimate_prompt(shown, None) < bare + 10_500


def test_a_request_is_counted_with_its_schema_and_what_the_file_adds() -> None:
    of_file = deployment(1.0, params={"model": "m", "extra_body": {"preamble": "p" * 3000}})
    messages = [{"role": "user", "content": "hello"}]
    schema = {"name": "s", "schema": {"description": "d" * 6000}}
    asked = {"response_format": {"type": "json_schema", "json_schema": schema}, "temperature": 0}
    assert most(messages, {}, deployment(1.0)) == estimate_prompt(messages, None)
    assert most(messages, asked, of_file) > 6000
    assert most(messages, {"tools": [{"type": "function"}]}, of_file) > 2000 + 600


def deployment(written: float, params: dict[str, Json] | None = None) -> Deployment:
    return Deployment(
        id="d",
        tier="work",
        params=params or {"model": "m"},
        cleared_for=Label.public,
        max_input_tokens=1000,
        input_cost_per_token=1.0,
        output_cost_per_token=5.0,
        cache_creation_input_token_cost=written,
    )


def test_the_worst_case_writes_all_of_the_prompt_into_the_cache() -> None:
    found = worst(deployment(1.25), 100, 10)
    assert (found.dollars, found.tokens) == (175.0, 110)


LONG = 4000
"""Tokens set aside for a prompt of which English prose would have a thousand or so."""


@pytest.mark.parametrize(
    ("reported", "prompt", "said"),
    [
        (Usage(prompt=40, completion=7), 100, "x"),
        (Usage(prompt=100, completion=50), 100, "x"),
        (Usage(prompt=199, completion=100, cache_read=10, cache_creation=20), 100, "x"),
        (Usage(prompt=199, completion=100, cache_read=190, cache_creation=9), 100, "x"),
        (Usage(prompt=40, completion=0), 100, ""),
        # A prompt of blanks has that few.
        (Usage(prompt=LONG // 128, completion=1), LONG, " " * 128),
    ],
)
def test_a_count_that_can_be_is_believed_also_somewhat_above_what_was_set_aside(
    reported: Usage, prompt: int, said: str
) -> None:
    assert settled(reported, prompt=prompt, completion=50, said={"content": said}) is reported


WORDS = {"content": "six words of an answer " * 20}


@pytest.mark.parametrize(
    ("reported", "prompt", "said"),
    [
        # What it thought before it spoke nobody sees.
        (None, 100, WORDS),
        (None, 100, {"content": "", "tool_calls": []}),
        (Usage(prompt=0, completion=7), 100, WORDS),
        (Usage(prompt=-5, completion=7), 100, WORDS),
        (Usage(prompt=40, completion=-7), 100, WORDS),
        (Usage(prompt=40, completion=101), 100, WORDS),
        (Usage(prompt=201, completion=7), 100, WORDS),
        (Usage(prompt=40, completion=7, cache_creation=10**9), 100, WORDS),
        (Usage(prompt=40, completion=7, cache_read=30, cache_creation=20), 100, WORDS),
        (Usage(prompt=40, completion=7, cache_read=-1), 100, WORDS),
        # Less than any tokenizer makes of it.
        (Usage(prompt=1, completion=7), LONG, WORDS),
        (Usage(prompt=40, completion=0), 100, WORDS),
        (Usage(prompt=40, completion=0), 100, {"tool_calls": [{"id": "1"}]}),
        (Usage(prompt=40, completion=2), 100, {"content": "word " * 400}),
    ],
)
def test_of_a_count_that_is_missing_or_cannot_be_the_worst_case_is_booked(
    reported: Usage | None, prompt: int, said: Json
) -> None:
    found = settled(reported, prompt=prompt, completion=50, said=said)
    assert found == Usage(prompt=prompt, completion=50, reported=False)


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_no_real_count_is_taken_for_too_low(name: str) -> None:
    text = TEXTS[name]
    for vendor, count in tokenizers().items():
        told = Usage(prompt=max(1, count(text)), completion=count(text))
        allowed = max(told.completion, 1)
        found = settled(
            told, prompt=estimate_prompt(text, None), completion=allowed, said={"content": text}
        )
        assert found is told, vendor
