"""Which files may be read: those below the allowed roots, and nothing that a link leads to."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.servers.errors import BadArgument, BadSetup

VARIABLE = "SWITCHYARD_DOCS_ROOTS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Roots:
    """The allowed folders, resolved, in the operator's order."""

    folders: tuple[Path, ...]

    def folder(self, asked: str) -> Path:
        """The folder that `asked` names, absolute or relative to one of the roots.

        Raises:
            BadArgument: it lies outside every root, does not exist, or is no folder.
        """
        _refuse_nul("folder", asked)
        for root in self.folders:
            # resolve() follows links and "..", so what is compared is where the path really leads.
            found = _resolved(root / asked)
            if found is not None and self._inside(found):
                if not found.is_dir():
                    raise BadArgument("folder", asked, "it is not a folder", "Give its folder")
                return found
        allowed = ", ".join(str(root) for root in self.folders)
        raise BadArgument(
            "folder",
            asked,
            "there is no such folder below the allowed roots",
            f"Allowed: {allowed}; give a folder relative to one of them, or . for the first",
        )

    def _inside(self, path: Path) -> bool:
        return any(path.is_relative_to(root) for root in self.folders)


def read_roots(environment: Mapping[str, str]) -> Roots:
    """The roots that the operator set; the current folder if none.

    Raises:
        BadSetup: one of them is not a folder.
    """
    parts = [part for part in environment.get(VARIABLE, "").split(os.pathsep) if part.strip()]
    folders: list[Path] = []
    for part in parts or ["."]:
        found = _resolved(Path(part).expanduser())
        if found is None or not found.is_dir():
            raise BadSetup(VARIABLE, part, "it is not a folder", "Name folders that exist")
        folders.append(found)
    return Roots(folders=tuple(folders))


def file_in(folder: Path, asked: str) -> Path:
    """The file that `asked` names inside `folder`, resolved.

    Raises:
        BadArgument: an absolute path, a way out of the folder, no such file, or no regular file.
    """
    _refuse_nul("path", asked)
    remedy = "Give a path that list_documents returned"
    if Path(asked).is_absolute():
        raise BadArgument("path", asked, "it is absolute", remedy)
    found = _resolved(folder / asked)
    if found is not None and not found.is_relative_to(folder):
        raise BadArgument("path", asked, "it leads out of the folder", remedy)
    if found is None:
        outside = ".." in Path(asked).parts
        problem = "it leads out of the folder" if outside else "there is no such file"
        raise BadArgument("path", asked, problem, remedy)
    if not found.is_file():
        raise BadArgument("path", asked, "it is not a file", remedy)
    return found


def _resolved(path: Path) -> Path | None:
    try:
        return path.resolve(strict=True)
    except (OSError, RuntimeError):
        return None


def _refuse_nul(field: str, text: str) -> None:
    if "\0" in text:
        raise BadArgument(field, text, "it contains a NUL character", "Remove it")
