"""Where each part of an installation stands: its own folders, or those that `check` is given."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from runtime.errors import RequestError
from runtime.settings import Settings

_LAYOUT = {
    "specialists": "specialists",
    "models": "models.yaml",
    "tools": "mcp.json",
    "limits": "limits.yaml",
    "routing": "routing.yaml",
    "facade": "facade.yaml",
    "policy": "policy",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The files and folders that make up an installation."""

    specialists: Path
    models: Path
    tools: Path
    limits: Path
    routing: Path
    facade: Path
    policy: Path


def parts_of(settings: Settings, path: str | None) -> Parts:
    """The parts in the folder `path`; what it lacks is taken from the installation.

    Raises:
        RequestError: the folder does not exist, or holds none of the parts.
    """
    own = {name: settings.config / file for name, file in _LAYOUT.items()}
    own["specialists"] = settings.specialists
    if path is None:
        return Parts(**own)
    folder = Path(path).expanduser().resolve()
    given = {name: folder / file for name, file in _LAYOUT.items() if (folder / file).exists()}
    if not given:
        raise RequestError(
            "is not a folder" if not folder.is_dir() else "holds nothing that can be checked",
            field="path",
            value=str(folder),
            remedy=f"Name a folder with any of: {', '.join(_LAYOUT.values())}. Given: {folder}",
        )
    return Parts(**(own | given))
