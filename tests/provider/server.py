"""The scripted provider as a test sees it: a context manager with addresses and a record.
Everything behind it is a real HTTP server, so a client cannot tell it from a vendor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from tests.provider.brain import SeededBrain
from tests.provider.certificate import Certificate
from tests.provider.exchange import Brain
from tests.provider.faults import Fault
from tests.provider.latency import AT_ONCE, Latency
from tests.provider.listener import Listener
from tests.provider.record import Record, SeenRequest, Served
from tests.provider.service import Behaviour, Service


class ScriptedProvider:
    """`with ScriptedProvider(Script("hello")) as provider: ...`

    `faults` strike by the number of the call, counted from 0 over all wires; the brain is not
    asked for such a call. Leaving the block closes every connection, and raises what a brain
    raised, unless something else is already being raised.
    """

    def __init__(
        self,
        brain: Brain | None = None,
        *,
        faults: Mapping[int, Fault] | None = None,
        carrier: Brain | None = None,
        embedding_faults: Mapping[int, Fault] | None = None,
        latency: Latency = AT_ONCE,
        api_key: str | None = None,
        models: Sequence[str] = ("scripted", "claude-scripted"),
        seed: int = 0,
        dimensions: int = 64,
        tls: Certificate | None = None,
    ) -> None:
        self.behaviour = Behaviour(
            brain=brain or SeededBrain(seed),
            faults=dict(faults or {}),
            carrier=carrier,
            embedding_faults=dict(embedding_faults or {}),
            latency=latency,
            api_key=api_key,
            models=models,
            seed=seed,
            dimensions=dimensions,
        )
        """May be changed while the server runs."""
        self._record = Record()
        service = Service(self.behaviour, self._record, lambda client: self._listener.reset(client))
        self._listener = Listener(service.app(), tls)
        self._scheme = "https" if tls else "http"

    def __enter__(self) -> Self:
        self._listener.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._listener.stop()
        if error is None and self._record.bugs:
            raise self._record.bugs[0]

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._listener.port}"

    @property
    def openai_base(self) -> str:
        return f"{self.url}/v1"

    @property
    def anthropic_base(self) -> str:
        return self.url

    @property
    def gemini_base(self) -> str:
        return f"{self.url}/v1beta"

    @property
    def requests(self) -> list[SeenRequest]:
        """Every request so far, in order of arrival, wrong paths included."""
        return self._record.requests

    @property
    def calls(self) -> list[SeenRequest]:
        """The requests for an answer of the model, in order of arrival."""
        return [seen for seen in self._record.requests if seen.call is not None]

    @property
    def served(self) -> list[Served]:
        """What became of the requests that have ended, in order of arrival."""
        return self._record.served

    @property
    def peak(self) -> int:
        """The highest number of requests that were under way at the same time."""
        return self._record.peak

    async def arrived(self, count: int, *, seconds: float = 5.0) -> None:
        """Wait until so many requests have come. Raises: TimeoutError."""
        await self._record.until(requests=count, seconds=seconds)

    async def ended(self, count: int, *, seconds: float = 5.0) -> None:
        """Wait until so many requests have ended, one way or another. Raises: TimeoutError."""
        await self._record.until(served=count, seconds=seconds)
