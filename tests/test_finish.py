"""Work that reaches its end although nobody may wait for it any more."""

from __future__ import annotations

import asyncio

import pytest

from runtime.finish import finished


class Work:
    """Waits for `go_on`, then is done."""

    def __init__(self, error: Exception | None = None) -> None:
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()
        self.done = False
        self._error = error

    async def __call__(self) -> str:
        self.begun.set()
        await self.go_on.wait()
        if self._error:
            raise self._error
        self.done = True
        return "done"


async def cancelled_within(work: Work, times: int) -> BaseException:
    waiting = asyncio.create_task(finished(work()))
    async with asyncio.timeout(5):
        await work.begun.wait()
        for _ in range(times):
            waiting.cancel()
            await asyncio.sleep(0)
        assert not waiting.done(), "it waits for the end"
        work.go_on.set()
        with pytest.raises(asyncio.CancelledError) as caught:
            await waiting
    return caught.value


async def test_what_the_work_gives_or_raises_comes_out() -> None:
    work = Work()
    work.go_on.set()
    assert await finished(work()) == "done"
    broken = Work(ValueError("broken"))
    broken.go_on.set()
    with pytest.raises(ValueError, match="broken"):
        await finished(broken())


@pytest.mark.parametrize("times", [1, 3])
async def test_a_cancellation_is_raised_after_the_end(times: int) -> None:
    work = Work()
    await cancelled_within(work, times)
    assert work.done


async def test_a_cancellation_tells_of_the_error_before_it() -> None:
    found = await cancelled_within(Work(ValueError("broken")), 1)
    assert isinstance(found.__cause__, ValueError)


async def test_a_deadline_is_still_one() -> None:
    work = Work()

    async def within() -> None:
        async with asyncio.timeout(0.01):
            asyncio.get_running_loop().call_later(0.05, work.go_on.set)
            await finished(work())

    with pytest.raises(TimeoutError):
        await within()
    assert work.done
