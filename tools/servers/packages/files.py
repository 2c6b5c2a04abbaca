"""Finds the licence files of a distribution and reads them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from tools.servers.packages.environment import Installed

MAX_BYTES = 2 * 1024 * 1024
MAX_FILES = 40

_NAME = re.compile(
    r"(?:licen[cs]es?|copying|notice|unlicen[cs]e|eula)(?:[._-][\w.+-]*)?"
    r"|[\w.+-]*[._-]licen[cs]e(?:\.(?:txt|md|rst))?",
    re.IGNORECASE,
)
_CODE = re.compile(r"\.(?:pyc?|pyi|so|json|ya?ml|js|html?|h|c|cpp)$", re.IGNORECASE)
_BREAK = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """A licence file: its path relative to site-packages, and its lines."""

    path: str
    part: Literal["own", "bundled"]
    lines: tuple[str, ...]

    @property
    def speaks_for_package(self) -> bool:
        """Whether its first licence is the package's own; a NOTICE is about what is inside."""
        return self.part == "own" and not PurePosixPath(self.path).name.lower().startswith("notice")


def papers(package: Installed) -> list[Paper]:
    """The licence files of a package, its own first, at most MAX_FILES."""
    found: list[Paper] = []
    paths = set(_candidates(package))
    for path in sorted(paths, key=lambda each: (_part(package, each) != "own", each)):
        lines = _lines(package.base, path)
        if lines is not None:
            found.append(Paper(path=path, part=_part(package, path), lines=lines))
        if len(found) == MAX_FILES:
            break
    return found


def _candidates(package: Installed) -> Iterator[str]:
    listed = package.distribution().files or ()
    for path in listed:
        # Several packages can write one file beside their folders; the last of them wins.
        shared = len(path.parts) == 1
        if _is_licence(path.name) and ".." not in path.parts and not shared:
            yield path.as_posix()
    # Not every installer records every file; what lies beside the metadata counts anyway.
    for file in package.folder.rglob("*"):
        if _is_licence(file.name) and file.is_file():
            yield file.relative_to(package.base).as_posix()


def _is_licence(name: str) -> bool:
    return bool(_NAME.fullmatch(name)) and not _CODE.search(name)


def _part(package: Installed, path: str) -> Literal["own", "bundled"]:
    parts = PurePosixPath(path).parts
    if parts[0] == package.folder.name:
        inside = parts[1:]
        direct = len(inside) == 1 or (len(inside) == 2 and inside[0].lower().startswith("licen"))
        return "own" if direct else "bundled"
    return "own" if len(parts) <= 2 else "bundled"


def _lines(base: Path, path: str) -> tuple[str, ...] | None:
    try:
        file = (base / path).resolve(strict=True)
        # A link must not make any file of the machine readable.
        if not file.is_relative_to(base) or not file.is_file():
            return None
        with file.open("rb") as stream:
            data = stream.read(MAX_BYTES)
    except OSError:
        return None
    lines = _BREAK.split(data.decode("utf-8", "replace"))
    return tuple(lines[:-1] if lines and not lines[-1] else lines)
