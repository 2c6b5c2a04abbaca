"""A supervisor over real tool servers, a real mail server and a real ledger, on one model."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.graphs.driver import Driver, driver
from tests.servers.mailbox import Mailbox, mail_server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mailbox() -> AsyncIterator[Mailbox]:
    async with mail_server() as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def offline(
    mailbox: Mailbox, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Driver]:
    """The offline model on every tier, with mail going to `mailbox`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SWITCHYARD_SMTP_HOST", "127.0.0.1")
        patch.setenv("SWITCHYARD_SMTP_PORT", str(mailbox.port))
        patch.setenv("SWITCHYARD_MAIL_FROM", "desk@example.com")
        async with driver(tmp_path_factory.mktemp("home")) as opened:
            yield opened
