"""A uvicorn server on a free loopback port, in a thread with an event loop of its own.
Closing is immediate: whatever hangs on purpose must not delay the end of a test."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading

import uvicorn
from starlette.types import ASGIApp

from tests.provider.certificate import Certificate

PATIENCE = 10.0


class _Server(uvicorn.Server):
    """uvicorn without its polling: it stops when told to, and cuts what is still open."""

    def __init__(self, config: uvicorn.Config, ready: threading.Event) -> None:
        super().__init__(config)
        self._ready = ready
        self.stop = asyncio.Event()

    async def main_loop(self) -> None:
        await self.on_tick(0)
        self._ready.set()
        await self.stop.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for listening in (*self.servers, *(sockets or ())):
            listening.close()
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        tasks = list(self.server_state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for server in self.servers:
            await server.wait_closed()


class Listener:
    """Serves `app` from `start` to `stop`. The port is known, and answers, once `start` returns."""

    def __init__(self, app: ASGIApp, tls: Certificate | None = None) -> None:
        self._app = app
        self._tls = tls
        self._ready = threading.Event()
        self._server: _Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self.port = 0

    def start(self) -> None:
        """Raises: RuntimeError, when the server is not up within ten seconds."""
        # The protocol is named because asyncio switches off Nagle's delay only where it is; without
        # that every answer on a kept connection takes 40 ms.
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listening.bind(("127.0.0.1", 0))
        listening.listen(2048)
        self.port = listening.getsockname()[1]
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(listening)),
            name=f"scripted-provider-{self.port}",
            daemon=True,
        )
        self._thread.start()
        if not self._ready.wait(PATIENCE):
            raise RuntimeError(f"the scripted provider did not start within {PATIENCE:g} s")

    def stop(self) -> None:
        """Cuts all connections. Raises: RuntimeError, when the thread does not end."""
        if self._thread is None or self._loop is None or self._server is None:
            return
        self._loop.call_soon_threadsafe(self._server.stop.set)
        self._thread.join(PATIENCE)
        if self._thread.is_alive():
            raise RuntimeError(f"the scripted provider did not stop within {PATIENCE:g} s")
        self._thread = None

    def reset(self, client: tuple[str, int]) -> None:
        """Break this client's connection with RST. Only from the server's own thread."""
        if self._server is None:
            return
        for connection in list(self._server.server_state.connections):
            if getattr(connection, "client", None) == client:
                raw = connection.transport.get_extra_info("socket")
                # Zero seconds of lingering turn the close into a reset.
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.transport.abort()

    async def _serve(self, listening: socket.socket) -> None:
        config = uvicorn.Config(
            self._app,
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            timeout_keep_alive=60,
            ssl_certfile=self._tls.certificate if self._tls else None,
            ssl_keyfile=self._tls.key if self._tls else None,
        )
        self._loop = asyncio.get_running_loop()
        self._server = _Server(config, self._ready)
        await self._server.serve(sockets=[listening])
