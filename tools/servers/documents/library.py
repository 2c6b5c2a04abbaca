"""Finds the documents of a folder and keeps what was read, as long as the file stays the same."""

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tools.servers.documents.document import Document, UnreadableError
from tools.servers.documents.ranking import Entry, entries
from tools.servers.documents.reading import kind_of, read_document
from tools.servers.documents.records import Skipped
from tools.servers.errors import BadArgument

MAX_DOCUMENTS = 3000
_CACHED_CHARACTERS = 64 * 1024 * 1024
_PASSED_OVER = frozenset({"node_modules", "__pycache__", "site-packages"})


@dataclass(frozen=True, kw_only=True)
class Shelved:
    """A document under the path by which the caller knows it."""

    path: str
    document: Document

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        """Its passages; counted on first use, because reading and matching do not need them."""
        return entries(self.path, self.document)

    @property
    def size(self) -> int:
        """Rough cost of keeping it."""
        return sum(len(line) + 1 for line in self.document.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A file that is a document by its name."""

    path: str
    file: Path
    bytes: int
    modified: float


class Library:
    """Documents by folder; may be used from several threads at once."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, Path, int, int], Shelved] = OrderedDict()
        self._characters = 0
        # Two calls can read the same file at once and both store it; the count must stay right.
        self._lock = threading.Lock()

    def find(self, folder: Path) -> tuple[list[Found], list[Skipped]]:
        """All documents below `folder`, sorted by path; hidden files and folders are left out.

        Raises:
            BadArgument: there are more than MAX_DOCUMENTS.
        """
        found: list[Found] = []
        skipped: list[Skipped] = []
        for file in _walk(folder):
            path = file.relative_to(folder).as_posix()
            result = _examined(folder, file, path)
            if isinstance(result, Found):
                found.append(result)
            else:
                skipped.append(result)
            if len(found) > MAX_DOCUMENTS:
                problem = f"it has more than {MAX_DOCUMENTS} documents"
                raise BadArgument("folder", str(folder), problem, "Give one of its subfolders")
        found.sort(key=lambda each: each.path)
        return found, skipped

    def read(self, path: str, file: Path) -> Shelved:
        """The document in `file`, from memory if the file has not changed.

        Raises:
            UnreadableError: it cannot be shown as text.
        """
        try:
            status = file.stat()
        except OSError as error:
            raise UnreadableError(error.strerror or type(error).__name__) from error
        key = (path, file, status.st_mtime_ns, status.st_size)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        shelved = Shelved(path=path, document=read_document(file))
        with self._lock:
            self._keep(key, shelved)
        return shelved

    def read_all(self, folder: Path) -> tuple[list[Shelved], list[Skipped]]:
        """All readable documents of a folder, and those that are not, with the reason."""
        found, skipped = self.find(folder)
        documents: list[Shelved] = []
        for each in found:
            try:
                documents.append(self.read(each.path, each.file))
            except UnreadableError as error:
                skipped.append(Skipped(path=each.path, reason=str(error)))
        return documents, skipped

    def _keep(self, key: tuple[str, Path, int, int], shelved: Shelved) -> None:
        if key not in self._kept:
            self._kept[key] = shelved
            self._characters += shelved.size
        while self._characters > _CACHED_CHARACTERS and len(self._kept) > 1:
            _, oldest = self._kept.popitem(last=False)
            self._characters -= oldest.size


def _walk(folder: Path) -> Iterator[Path]:
    # Links to folders are not followed: they may lead out, or round in a circle.
    for parent, folders, files in os.walk(folder, followlinks=False):
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and name not in _PASSED_OVER
        )
        for name in sorted(files):
            if not name.startswith(".") and kind_of(Path(name)) is not None:
                yield Path(parent, name)


def _examined(folder: Path, file: Path, path: str) -> Found | Skipped:
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return Skipped(path=ascii(path), reason="its name is not valid Unicode")
    try:
        real = file.resolve(strict=True)
        status = real.stat()
    except (OSError, RuntimeError):
        return Skipped(path=path, reason="it is a link that leads nowhere")
    if not real.is_relative_to(folder):
        return Skipped(path=path, reason="it is a link that leads out of the folder")
    return Found(path=path, file=real, bytes=status.st_size, modified=status.st_mtime)
