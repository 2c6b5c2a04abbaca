"""`switchyard specialists`: who is here, what each does, and an example to try."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from agents.registry import load_registry
from runtime.canonical import Json
from runtime.settings import Settings


def list_specialists(settings: Settings) -> Json:
    """The specialists, and what keeps others out, as data.

    Raises:
        ConfigError: there is no folder of specialists, or no usable one in it.
    """
    registry = load_registry(settings.specialists)
    return {
        "specialists": [
            one.model_dump(
                mode="json",
                include={"name", "kind", "summary", "intents", "tools", "effort", "owner"}
                | {"fallback", "data", "file"},
            )
            for one in registry.values()
        ],
        "problems": [
            {"file": one.file, "line": one.line, "reason": one.reason, "remedy": one.remedy}
            for one in registry.problems
        ],
    }


def show_specialists(found: Json, console: Console) -> None:
    """Each specialist with an example to try, then the files that do not load."""
    table = Table("specialist", "kind", "what it does", "try", box=None, pad_edge=False)
    for one in found["specialists"]:
        example = one["intents"][0]["examples"][0] if one["intents"] else ""
        table.add_row(one["name"], one["kind"], one["summary"], example)
    console.print(table)
    for problem in found["problems"]:
        told = f"{problem['file']}:{problem['line']}: {problem['reason']} {problem['remedy']}"
        console.print(told, markup=False, style="red")
