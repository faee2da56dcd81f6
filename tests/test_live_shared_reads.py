"""Reads that those share who ask at the same time."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from app.domain.shared_reads import SharedRead


class Source:
    """Answers each key with how often it has been asked; its first answer waits for `allowed`."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.begun, self.allowed = asyncio.Event(), asyncio.Event()
        self.failure: Exception | None = None

    async def read(self, keys: Sequence[int]) -> Mapping[int, int]:
        self.asked.append(sorted(keys))
        number = len(self.asked)
        self.begun.set()
        await self.allowed.wait()
        if self.failure is not None:
            raise self.failure
        return dict.fromkeys(keys, number)


async def test_who_asks_while_it_reads_is_answered_by_a_later_read() -> None:
    source = Source()
    shared = SharedRead(source.read, at_most=10)
    first = [asyncio.create_task(shared.get([key])) for key in (1, 2, 2)]
    await source.begun.wait()
    later = [asyncio.create_task(shared.get([key])) for key in (2, 3)]
    await asyncio.sleep(0)
    source.allowed.set()
    assert await asyncio.gather(*first) == [{1: 1, 2: 1}] * 3
    assert await asyncio.gather(*later) == [{2: 2, 3: 2}] * 2
    assert source.asked == [[1, 2], [2, 3]]


async def test_no_more_than_so_many_keys_at_a_time() -> None:
    source = Source()
    source.allowed.set()
    shared = SharedRead(source.read, at_most=2)
    answers = await asyncio.gather(*(shared.get([key]) for key in range(5)))
    assert [answer[key] for key, answer in enumerate(answers)] == [1, 1, 2, 2, 3]
    assert source.asked == [[0, 1], [2, 3], [4]]


async def test_a_failure_is_told_to_all_that_share_it_and_to_nobody_else() -> None:
    source = Source()
    shared = SharedRead(source.read, at_most=10)
    source.failure = OSError("away")
    failing = [asyncio.create_task(shared.get([key])) for key in (1, 2)]
    await source.begun.wait()
    source.allowed.set()
    assert [str(one) for one in await asyncio.gather(*failing, return_exceptions=True)] == ["away", "away"]
    source.failure = None
    assert await shared.get([1]) == {1: 2}


async def test_who_gives_up_takes_nobody_along() -> None:
    source = Source()
    shared = SharedRead(source.read, at_most=10)
    one, other = (asyncio.create_task(shared.get([key])) for key in (1, 2))
    await source.begun.wait()
    one.cancel()
    with pytest.raises(asyncio.CancelledError):
        await one
    source.allowed.set()
    assert await other == {1: 1, 2: 1}


async def test_nothing_is_asked_for_nothing() -> None:
    source = Source()
    assert await SharedRead(source.read, at_most=10).get([]) == {}
    assert source.asked == []


async def test_nobody_waits_for_what_is_stopped() -> None:
    source = Source()
    shared = SharedRead(source.read, at_most=1)
    waiting = [asyncio.create_task(shared.get([key])) for key in (1, 2)]
    await source.begun.wait()
    await shared.stop()
    async with asyncio.timeout(5):
        found = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(one) for one in found] == [asyncio.CancelledError] * 2
