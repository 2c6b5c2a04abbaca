"""The distributions installed in an environment, found by their metadata folders."""

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.metadata import Distribution, PackageMetadata
from pathlib import Path

from tools.servers.errors import BadArgument, BadSetup
from tools.servers.packages.records import PackageList, PackageName

VARIABLE = "SWITCHYARD_PACKAGES_PYTHON_PATH"


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """One distribution; `folder` is its metadata folder, `base` the site-packages it lies in."""

    name: str
    version: str
    folder: Path
    base: Path

    def distribution(self) -> Distribution:
        """Its metadata, read anew."""
        return Distribution.at(self.folder)


def value_of(metadata: PackageMetadata, field: str) -> str:
    """A field of the metadata, empty when it is not there: newer Pythons raise for `[]`."""
    return metadata[field] if field in metadata else ""  # noqa: SIM401 - there is no `get`


class Environment:
    """The packages below one or more site-packages folders; earlier folders win."""

    def __init__(self, folders: tuple[Path, ...]) -> None:
        self._folders = folders
        self._state: tuple[int, ...] = ()
        self._packages: dict[str, Installed] = {}
        self._unreadable: list[str] = []

    def list(self, limit: int | None) -> PackageList:
        """Names and versions, sorted by name."""
        self._refresh()
        every = [
            PackageName(name=each.name, version=each.version)
            for _, each in sorted(self._packages.items())
        ]
        return PackageList(
            total=len(every), packages=every[:limit], unreadable=list(self._unreadable)
        )

    def find(self, name: str) -> Installed | None:
        """The package of that name, however it is spelled."""
        self._refresh()
        return self._packages.get(normalised(name))

    def get(self, name: str) -> Installed:
        """The package of that name.

        Raises:
            BadArgument: it is not installed.
        """
        found = self.find(name)
        if found is None:
            close = get_close_matches(normalised(name), self._packages, 3)
            similar = f"Similar: {', '.join(close)}" if close else "Use list_packages to see all"
            raise BadArgument("name", name, "it is not installed in this environment", similar)
        return found

    def _refresh(self) -> None:
        # Installing or removing a package changes its folder's time; nothing else is looked at.
        state = tuple(folder.stat().st_mtime_ns for folder in self._folders)
        if state == self._state:
            return
        packages: dict[str, Installed] = {}
        unreadable: list[str] = []
        for base, folder in _metadata_folders(self._folders):
            metadata = Distribution.at(folder).metadata
            name, version = value_of(metadata, "Name"), value_of(metadata, "Version")
            if not name or not version:
                unreadable.append(folder.name)
                continue
            key = normalised(name)
            found = Installed(name=key, version=version, folder=folder, base=base)
            packages.setdefault(key, found)
        self._packages, self._unreadable, self._state = packages, unreadable, state


def normalised(name: str) -> str:
    """A distribution's name as the package index compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name.strip()).lower()


def read_environment(environment: Mapping[str, str]) -> Environment:
    """The environment that the operator named, or the running interpreter's own.

    Raises:
        BadSetup: the named folder does not exist or holds no distribution.
    """
    asked = environment.get(VARIABLE)
    if not asked:
        own = [Path(entry).resolve() for entry in sys.path if entry and Path(entry).is_dir()]
        return Environment(tuple(dict.fromkeys(own)))
    folder = Path(asked).resolve()
    if not folder.is_dir():
        remedy = "Name the site-packages folder of an environment"
        raise BadSetup(VARIABLE, asked, "it is not a folder", remedy)
    if next(_metadata_folders((folder,)), None) is None:
        remedy = "Name the site-packages folder itself, such as .venv/lib/python3.11/site-packages"
        raise BadSetup(VARIABLE, asked, "it holds no installed distribution", remedy)
    return Environment((folder,))


def _metadata_folders(bases: tuple[Path, ...]) -> Iterator[tuple[Path, Path]]:
    for base in bases:
        for folder in sorted(base.iterdir()):
            if folder.suffix in (".dist-info", ".egg-info") and folder.is_dir():
                yield base, folder
