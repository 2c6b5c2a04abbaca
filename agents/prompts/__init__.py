"""The prompts, one `.md` file each, rendered whole so that a change shows as a diff of text."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from string import Template


@cache
def _template(name: str) -> Template:
    return Template((Path(__file__).parent / f"{name}.md").read_text(encoding="utf-8").strip())


def render(name: str, **values: str) -> str:
    """The prompt `name` with each `$placeholder` filled.

    Raises:
        KeyError: a placeholder of the prompt was given no value.
    """
    return _template(name).substitute(values)
