"""Names of model vendors and of models, which no specialist file may hold.

A workflow outlives the model that runs it: files name tiers by effort, `config/models.yaml` names
models.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_VENDORS = (
    "ai21|aleph alpha|anthropic|azure openai|bedrock|cerebras|cohere|databricks dbrx|deepseek|"
    "fireworks ai|google ai studio|groq|hugging ?face|mistral(?: ai)?|moonshot|nvidia nim|ollama|"
    "openai|openrouter|perplexity|replicate|sagemaker|together ai|vertex ai|vllm|watsonx|x\\.ai|xai"
)
_MODELS = (
    "chatgpt|claude|codestral|command-?r|dall-?e|devstral|ernie|falcon-?\\d+b|gemini|gemma|glm-?\\d|"
    "gpt-?\\d[\\w.]*|gpt-?oss|granite-?\\d|grok|(?:haiku|opus|sonnet)[- ]?\\d|jamba|kimi|llama|"
    "ministral|mixtral|nemotron|o[134]-(?:mini|preview|pro)|palm-?2|phi-?[345]|pixtral|qwen|qwq|"
    "text-embedding-\\w+|titan-embed\\w*|whisper-?\\d|yi-\\d+b"
)
_NAME = re.compile(rf"(?<![\w])(?:{_VENDORS}|{_MODELS})(?:[-\d][\w.:-]*)?(?![\w])", re.IGNORECASE)


def names_in(text: str) -> Iterator[tuple[int, str]]:
    """Each name with the line on which it stands, counted from 1."""
    for number, line in enumerate(text.splitlines(), start=1):
        for match in _NAME.finditer(line):
            yield number, match.group()
