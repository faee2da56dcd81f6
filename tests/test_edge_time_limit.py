"""One timer for all operations ends each in its own time, as asyncio.timeout would."""

import asyncio

import pytest

from app.web.under_way import Watch


async def for_ever() -> None:
    await asyncio.Event().wait()


async def test_what_is_in_time_is_answered() -> None:
    async def work() -> str:
        await asyncio.sleep(0)
        return "done"

    limit = Watch(60)
    assert await limit.run(work()) == "done"
    assert not limit._watched


async def test_each_runs_out_by_itself() -> None:
    limit = Watch(1)
    first = asyncio.create_task(limit.run(for_ever()))
    await asyncio.sleep(0.5)
    second = asyncio.create_task(limit.run(for_ever()))
    await asyncio.wait([first])
    assert not second.done()
    for late in (first, second):
        with pytest.raises(TimeoutError):
            await late
    assert not limit._watched
    with pytest.raises(TimeoutError):  # the timer starts again
        await limit.run(for_ever())


async def test_who_catches_it_is_no_longer_cancelled() -> None:
    limit = Watch(0.05)

    async def catching() -> str:
        with pytest.raises(TimeoutError):
            await limit.run(for_ever())
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0
        await asyncio.sleep(0)
        return "goes on"

    assert await asyncio.create_task(catching()) == "goes on"


async def test_cancelled_by_somebody_else_it_is_cancelled() -> None:
    limit = Watch(60)
    running = asyncio.create_task(limit.run(for_ever()))
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not limit._watched


async def test_cancelled_by_somebody_else_while_it_is_ended_it_is_cancelled() -> None:
    limit = Watch(0.05)

    async def slow_to_end() -> None:
        try:
            await for_ever()
        finally:
            ending.set()
            await asyncio.sleep(60)

    ending = asyncio.Event()
    running = asyncio.create_task(limit.run(slow_to_end()))
    await ending.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_work_that_survives_its_end_counts() -> None:
    limit = Watch(0.05)

    async def stubborn() -> str:
        try:
            await for_ever()
        except asyncio.CancelledError:
            return "saved"
        return ""

    assert await limit.run(stubborn()) == "saved"
