"""Settings as the command line changes them: another home, one more folder to read.

The person at the command line owns the machine, so `--docs` may name any folder of it.
"""

from __future__ import annotations

from pathlib import Path

from runtime.errors import RequestError
from runtime.settings import Settings, load


def settings_for(home: str = "", docs: str = "") -> Settings:
    """The settings of this process with the options of the command line put over them.

    Raises:
        RequestError: the folder that `--docs` names does not exist.
        ConfigError: an environment variable has a value that cannot be read.
    """
    settings = load()
    changed: dict[str, object] = {"home": Path(home or settings.home).expanduser().resolve()}
    if docs:
        changed["docs_roots"] = f"{settings.docs_roots}:{folder(docs)}"
    return settings.model_copy(update=changed)


def folder(docs: str) -> Path:
    """The absolute path of a folder of documents.

    Raises:
        RequestError: it does not exist, or is no folder.
    """
    found = Path(docs).expanduser().resolve()
    if not found.is_dir():
        raise RequestError(
            "is a file, not a folder" if found.exists() else "there is no such folder",
            field="docs",
            value=str(found),
            remedy=f"Name an existing folder; {found} was looked for.",
        )
    return found
