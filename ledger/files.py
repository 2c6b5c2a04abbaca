"""The files that the workers of a run share: every version, with who wrote it in which call.

A version is never changed or deleted by a worker, so that the log tells what was there when.
"""

from __future__ import annotations

import hashlib
import unicodedata
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from sqlalchemy import Connection, Select, bindparam, func, select, text
from sqlalchemy.engine import RowMapping

from ledger.repository import Repository, overwrite
from ledger.schema import blobs, files
from runtime.context import RunContext
from runtime.errors import LimitBreached, RequestError

Mode = Literal["create", "replace", "append"]

_LONGEST_PATH = 200
_LIMITS = "config/limits.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotas:
    """How much a run may store. Versions that were replaced count, since they are kept."""

    run_files: int = 500
    """Files of a run, by path."""
    run_bytes: int = 50_000_000
    """Bytes of all versions of all files of a run."""
    file_bytes: int = 5_000_000
    """Bytes of one file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One version of a file."""

    run: str
    path: str
    version: int
    """From 1, without gaps."""
    digest: str
    """SHA-256 of the bytes, under which the content is kept."""
    bytes: int
    task: str
    attempt: int
    specialist: str
    call: str
    """The tool call that wrote it, or whose result it holds."""
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What a run has stored, in the measures of its quotas."""

    files: int
    bytes: int


def fit_path(path: str) -> str:
    """The path of a file of a run: relative, with forward slashes, in its one normal form.

    Raises:
        RequestError: it is none.
    """
    fit = unicodedata.normalize("NFC", path)
    parts = fit.split("/")
    wrong = ""
    if not fit:
        wrong = "it is empty."
    elif len(fit) > _LONGEST_PATH:
        wrong = f"it has {len(fit):,} characters; at most {_LONGEST_PATH} are taken."
    elif not fit.isprintable() or "\\" in fit:
        wrong = "it holds control characters, line breaks or backslashes."
    elif fit.startswith("/"):
        wrong = f"{path!r} is absolute."
    elif any(part in ("", ".", "..") or part != part.strip() for part in parts):
        wrong = (
            f"{path!r} has an empty part, '.', '..', or a part that begins or ends with a space."
        )
    if wrong:
        remedy = "Send a path within the run's files, such as 'notes/findings.md'."
        raise RequestError(wrong, field="path", value=path, remedy=remedy)
    return fit


class Files(Repository):
    """Files by run and path. No method reaches into another run than the one it is given."""

    async def write(
        self,
        context: RunContext,
        path: str,
        content: str,
        *,
        call: str,
        mode: Mode = "replace",
        quotas: Quotas,
    ) -> File:
        """Store a new version. The quotas hold under parallel writers, in several processes too.

        Made again after a crash, the same `call` finds the version that it wrote: with `replace`
        when the content is the same, otherwise in any case, so that nothing is appended twice.

        Raises:
            RequestError: the path is none, or `create` finds a file there.
            LimitBreached: a quota would be passed; nothing was stored.
        """
        where = {"run": context.run, "path": fit_path(path)}
        added = content.encode()

        def work(connection: Connection) -> File:
            self._alone(connection, context.run)
            mine = _one(connection, _BY_CALL, where | {"call": call})
            if mine is not None and (mode != "replace" or mine.digest == _sha256(added)):
                return mine
            last = _one(connection, _LAST, where)
            data = added
            if last is not None and mode == "append":
                row = connection.execute(_LAST_WITH_CONTENT, where).mappings().one()
                data = _content(row) + added
            elif last is not None and mode == "create":
                raise _taken(last)
            _check_quotas(connection, context.run, last, len(data), quotas)
            file = File(
                run=context.run,
                path=where["path"],
                version=last.version + 1 if last else 1,
                digest=_sha256(data),
                bytes=len(data),
                task=context.task,
                attempt=context.attempt,
                specialist=context.specialist,
                call=call,
                at=self._clock(),
            )
            connection.execute(files.insert(), asdict(file))
            blob = {"digest": file.digest, "content": data, "at": file.at}
            # Content that is there becomes young again, so that nobody forgets it meanwhile.
            connection.execute(overwrite(self._dialect, blobs, ("at",)), blob)
            return file

        return await self._atomic("write files", work)

    async def read(self, run: str, path: str, version: int = 0) -> tuple[File, str] | None:
        """A version with its content, the latest for 0; None when there is none.

        Raises:
            RequestError: the path is none, or the content was not kept that long.
        """
        where = {"run": run, "path": fit_path(path), "version": version}
        row = await self._first(_VERSION_WITH_CONTENT if version else _LAST_WITH_CONTENT, where)
        return None if row is None else (_file(row), _content(row).decode())

    async def latest(self, run: str, prefix: str = "") -> list[File]:
        """The latest version of each file whose path begins with `prefix`, by path."""
        rows = await self._all(_LATEST, {"run": run, "prefix": prefix, "length": len(prefix)})
        return [_file(row) for row in rows]

    async def log(self, run: str) -> list[File]:
        """Every version of every file, in the order of writing: who wrote what when."""
        return [_file(row) for row in await self._all(_LOG, {"run": run})]

    async def totals(self, run: str) -> Totals:
        row = await self._first(_TOTALS, {"run": run})
        return _totals(row)

    def _alone(self, connection: Connection, run: str) -> None:
        """Nobody else writes files of this run until the transaction ends."""
        if self._dialect == "postgresql":
            # Two writers of different paths would not see each other, and pass a quota together.
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtext(:run))"), {"run": run})


_f = files.c
_OF_PATH = (_f.run == bindparam("run")) & (_f.path == bindparam("path"))
_NEWEST = _f.version.desc()
_LAST = select(files).where(_OF_PATH).order_by(_NEWEST).limit(1)
_BY_CALL = _LAST.where(_f.call == bindparam("call"))
_WITH_CONTENT = select(files, blobs.c.content).outerjoin_from(
    files, blobs, _f.digest == blobs.c.digest
)
_LAST_WITH_CONTENT = _WITH_CONTENT.where(_OF_PATH).order_by(_NEWEST).limit(1)
_VERSION_WITH_CONTENT = _WITH_CONTENT.where(_OF_PATH, _f.version == bindparam("version"))
_LOG = select(files).where(_f.run == bindparam("run")).order_by(_f.at, _f.path, _f.version)
_TOTALS = select(
    func.count(_f.path.distinct()).label("files"),
    func.coalesce(func.sum(_f.bytes), 0).label("bytes"),
).where(_f.run == bindparam("run"))
_newer = files.alias("newer")
_LATEST = (
    select(files)
    .where(
        _f.run == bindparam("run"),
        # Not LIKE: on SQLite it takes capitals and small letters for the same.
        func.substr(_f.path, 1, bindparam("length")) == bindparam("prefix"),
        _f.version
        == select(func.max(_newer.c.version))
        .where(_newer.c.run == _f.run, _newer.c.path == _f.path)
        .scalar_subquery(),
    )
    .order_by(_f.path)
)


def _one(connection: Connection, statement: Select[Any], values: dict[str, str]) -> File | None:
    row = connection.execute(statement, values).mappings().first()
    return None if row is None else _file(row)


def _check_quotas(
    connection: Connection, run: str, last: File | None, size: int, quotas: Quotas
) -> None:
    _check("file_bytes", quotas.file_bytes, size)
    now = _totals(connection.execute(_TOTALS, {"run": run}).mappings().first())
    _check("run_bytes", quotas.run_bytes, now.bytes + size)
    if last is None:
        _check("run_files", quotas.run_files, now.files + 1)


def _check(limit: str, allowed: int, wanted: int) -> None:
    if wanted > allowed:
        raise LimitBreached(limit, allowed=allowed, wanted=wanted, file=_LIMITS)


def _taken(last: File) -> RequestError:
    return RequestError(
        f"{last.path!r} is there already: version {last.version}, written by task {last.task!r}.",
        field="path",
        value=last.path,
        remedy="Take another path, or the mode 'replace' or 'append'.",
    )


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _file(row: RowMapping) -> File:
    return File(**{field.name: row[field.name] for field in fields(File)})


def _totals(row: RowMapping | None) -> Totals:
    assert row is not None, "an aggregate has a row"
    return Totals(files=row["files"], bytes=int(row["bytes"]))


def _content(row: RowMapping) -> bytes:
    if row["content"] is None:
        raise RequestError(
            "its content was not kept that long.",
            field="path",
            value=row["path"],
            remedy="Write it anew; SWITCHYARD_RETENTION_DAYS says how long content is kept.",
        )
    return bytes(row["content"])
