"""Names of vendors and models are found as words, and ordinary words are left alone."""

from __future__ import annotations

import pytest

from app.vendors import names_in


@pytest.mark.parametrize(
    "text",
    [
        "Use GPT-6 here",
        "gpt-4o-mini",
        "claude-opus-5-5 is best",
        "Ask Claude.",
        "openai/gpt-6.1-sol",
        "call Anthropic's model",
        "bedrock/us.anthropic.x",
        "llama3 or Mistral",
        "mixtral-8x7b",
        "qwen3:8b",
        "o3-mini",
        "Gemini 4",
        "served by vLLM",
    ],
)
def test_a_name_is_found(text: str) -> None:
    assert [line for line, _ in names_in(f"first line\n{text}\n")][:1] == [2]


@pytest.mark.parametrize(
    "text",
    [
        "Ask for the claudette of the choir",
        "A sonnet of Shakespeare and an opus in C",
        "The groceries, the llamas' cousins, a geminid",
        "Check the temperature at 3 o'clock, o1 and o3",
        "the command returns, falcons fly, the phi of a circle",
        "Post-mortem of INC-2026-014",
    ],
)
def test_an_ordinary_word_is_left_alone(text: str) -> None:
    assert list(names_in(text)) == []
