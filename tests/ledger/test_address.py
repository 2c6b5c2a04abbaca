"""The URL of the ledger: every usual form is taken, and no form of the password is ever told."""

from __future__ import annotations

import logging
import traceback
from pathlib import Path

import pytest

from app.checkpoints import open_checkpoints
from ledger.address import parse
from ledger.store import open_ledger
from runtime.errors import LedgerUnavailable, OperatorError
from runtime.settings import load
from tests.ledger.postgres import server

SECRET = "hunter2"


@pytest.mark.parametrize(
    ("url", "driver"),
    [
        ("postgresql://u:p@h/d", "postgresql+psycopg"),
        ("postgres://u:p@h/d", "postgresql+psycopg"),
        ("postgresql+psycopg://u:p@h:5433/d?sslmode=require", "postgresql+psycopg"),
        ("postgresql+asyncpg://u:p@h/d", "postgresql+psycopg"),
        ("sqlite:////var/lib/x.sqlite", "sqlite"),
        ("sqlite+aiosqlite:////home/me@work/x.sqlite", "sqlite"),
        ("sqlite://", "sqlite"),
    ],
)
def test_every_usual_form_gets_the_driver_that_is_there(url: str, driver: str) -> None:
    assert parse(url).url.drivername == driver


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://u:{SECRET}@nowhere.invalid/d",
        f"postgresql://u:{SECRET}@127.0.0.1:1/d?application_name={SECRET}",
        f"postgresql://u:a@{SECRET}@127.0.0.1:1/d",
        f"postgresql://u:{SECRET}/x@127.0.0.1:1/d",
        f"postgresql://u:1/{SECRET}@127.0.0.1:1/d",
        f"postgresql://u@127.0.0.1:{SECRET}/d",
        f"postgresql://127.0.0.1:1/d?password={SECRET}",
        f"postgresql://u:a?{SECRET}#@127.0.0.1:1/d",
        f"mysql://u:{SECRET}@h/d",
        f"u:{SECRET}@h/d",
        f"{SECRET}",
    ],
)
async def test_no_error_and_no_log_tells_the_password(
    url: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("SWITCHYARD_LEDGER_URL", url)
    settings = load()
    told = [repr(settings), str(settings)]
    with pytest.raises(LedgerUnavailable) as ledger:
        async with open_ledger(settings.ledger):
            pytest.fail("opened a ledger nowhere")
    with pytest.raises(OperatorError) as checkpoints:
        async with open_checkpoints(settings):
            pytest.fail("opened checkpoints nowhere")
    for caught in (ledger, checkpoints):
        assert caught.value.remedy
        told.extend(traceback.format_exception(caught.value))
    assert SECRET not in "".join(told) + caplog.text


async def test_a_password_with_special_characters_is_taken_when_it_is_encoded() -> None:
    password = "p@:/?#%"
    server_ = server()
    with server_.database() as url:
        encoded = "p%40%3A%2F%3F%23%25"
        address = parse(server_.url("postgres", user="postgres", password=encoded))
        assert address.url.password == password
        async with open_ledger(url.replace("postgres@", f"postgres:{encoded}@")) as ledger:
            assert await ledger.runs.get("r1") is None


def test_the_place_is_told_without_user_and_options(tmp_path: Path) -> None:
    assert parse(f"postgresql://u:{SECRET}@db.example:5433/s?sslmode=require").shown == (
        "PostgreSQL, db.example:5433, database 's'"
    )
    assert parse("sqlite:////var/x.sqlite").shown == "/var/x.sqlite"
    assert SECRET not in repr(parse(f"postgresql://u:{SECRET}@db.example/s"))
