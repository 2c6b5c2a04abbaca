"""The ledger in a PostgreSQL database, for several processes or machines on one ledger."""

from __future__ import annotations

import asyncio
from typing import TypeVar

from sqlalchemy.ext.asyncio import create_async_engine

from ledger.address import Address
from ledger.content import written
from ledger.database import PATIENCE, Work

T = TypeVar("T")

_CONNECTIONS = 10
_CONNECT_SECONDS = 10


class Served:
    """A PostgreSQL database through psycopg. Connections are opened when they are needed."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._engine = create_async_engine(
            address.url,
            pool_size=_CONNECTIONS,
            max_overflow=_CONNECTIONS,
            pool_timeout=PATIENCE,
            # A connection that died while nobody used it, as when the server was restarted, is
            # replaced before work begins; one that dies in the middle fails the operation.
            pool_pre_ping=True,
            connect_args={"connect_timeout": _CONNECT_SECONDS},
            hide_parameters=True,
            # Also of an INSERT: it tells whether a row was there.
            execution_options={"preserve_rowcount": True},
            json_serializer=written,
        )
        # One statement needs no BEGIN and COMMIT of its own: two ways to the server less.
        self._single = self._engine.execution_options(isolation_level="AUTOCOMMIT")

    async def run(self, work: Work[T], *, atomic: bool) -> T:
        async with asyncio.timeout(PATIENCE):
            if atomic:
                async with self._engine.begin() as connection:
                    return await connection.run_sync(work)
            async with self._single.connect() as connection:
                return await connection.run_sync(work)

    async def close(self) -> None:
        await self._engine.dispose()
