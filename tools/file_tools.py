"""The tools for the files of a run, as the gateway lists them beside those of tool servers."""

from __future__ import annotations

from runtime.canonical import Json
from runtime.labels import Label
from tools.catalogue import Deed, ToolEntry
from tools.config import FILES, Terms

READ = f"{FILES}_read"
"""The tool that reads on in a result which was handed off."""

TERMS = Terms(
    # The files hold nothing that the run has not read: its label was raised before they were
    # written. They never leave the ledger, which holds all data of the run anyway.
    label=Label.public,
    cleared_for=Label.regulated,
    max_bytes=200_000,
    untrusted=True,
    preview_chars=0,
)

_TEXT: Json = {"type": "string"}
_COUNT: Json = {"type": "integer"}


def _entry(name: str, action: Deed, description: str, needed: list[str], taken: Json) -> ToolEntry:
    return ToolEntry(
        name=f"{FILES}_{name}",
        server=FILES,
        remote=name,
        description=description,
        schema={
            "type": "object",
            "properties": taken,
            "required": needed,
            "additionalProperties": False,
        },
        action=action,
        label=TERMS.label,
        cleared_for=TERMS.cleared_for,
        untrusted=TERMS.untrusted,
    )


ENTRIES = (
    _entry(
        "write",
        "store",
        "Write a text file that all workers of this run share. mode: create (the default; fails"
        " if it is there), replace or append.",
        ["path", "content"],
        {
            "path": _TEXT,
            "content": _TEXT,
            "mode": {"type": "string", "enum": ["create", "replace", "append"]},
        },
    ),
    _entry(
        "read",
        "read",
        "Read lines of a shared file.",
        ["path"],
        {"path": _TEXT, "start_line": _COUNT, "lines": _COUNT},
    ),
    _entry(
        "list",
        "read",
        "List the shared files of this run, with who wrote them.",
        [],
        {"prefix": _TEXT},
    ),
    _entry(
        "search",
        "read",
        "Find lines of shared files by a regular expression. path: a file, or how paths begin.",
        ["pattern"],
        {"pattern": _TEXT, "path": _TEXT},
    ),
)
"""There is no tool that deletes: what was written stays in the log."""
