"""The connections that statements are read with: bounded, fair, never handed on with an answer."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest

from app.config import load_settings
from app.infra import pool as pool_module
from app.infra.database_errors import DatabaseUnavailable
from app.infra.pool import ACQUIRE_SECONDS, Opened, Pool
from tests.live import until

SIZE = 3
PID = "SELECT pg_backend_pid() AS pid"
STILL_RUNNING = (
    "SELECT pid FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT pg_sleep(30)%'"
)


@pytest.fixture
async def pool(new_database: Callable[..., Awaitable[str]]) -> AsyncIterator[Pool]:
    settings = load_settings(database_url=await new_database(empty=True))
    opened = Pool(settings.database, SIZE)
    yield opened
    await opened.close()


async def run(pool: Pool, sql: str = PID) -> list[asyncpg.Record]:
    return await pool.fetch(await pool.acquire(), sql, [])


async def test_no_more_are_opened_than_it_may_hold(pool: Pool) -> None:
    rows = await asyncio.gather(
        *(run(pool, "SELECT pg_backend_pid() AS pid, pg_sleep(0.01)") for _ in range(50))
    )
    assert len({row["pid"] for (row,) in rows}) == SIZE


async def test_who_came_first_is_served_first(pool: Pool) -> None:
    served: list[int] = []

    async def client(number: int) -> None:
        await run(pool, "SELECT pg_sleep(0.02)")
        served.append(number)

    await asyncio.gather(*(client(number) for number in range(12)))
    assert [number // SIZE for number in served] == [number // SIZE for number in range(12)]


async def test_no_owner_keeps_the_others_out(pool: Pool) -> None:
    held = [await pool.acquire("greedy") for _ in range(SIZE - 1)]
    waiting = [asyncio.create_task(pool.acquire("greedy")) for _ in range(5)]
    await asyncio.sleep(0)
    for _ in range(3):
        [[pid]] = await pool.fetch(await pool.acquire("other"), PID, [])
        assert pid
    assert not any(one.done() for one in waiting)
    pool.release(held[0])
    assert await waiting[0] is held[0]
    pool.discard(held[1])
    assert not (await waiting[1]).connection.is_closed()
    for one in waiting[2:]:
        one.cancel()
    await asyncio.wait(waiting[2:])
    for task in waiting[:2]:
        pool.release(task.result())
    await until(lambda: pool.in_use == 0)  # the one that was given up takes a moment to close
    assert pool.waiting == 0


async def test_nobody_waits_for_ever(pool: Pool) -> None:
    held = [await pool.acquire() for _ in range(SIZE)]
    started = time.monotonic()
    with pytest.raises(DatabaseUnavailable, match="came free"):
        await pool.acquire()
    assert ACQUIRE_SECONDS - 0.1 < time.monotonic() - started < ACQUIRE_SECONDS + 2
    for one in held:
        await pool.fetch(one, PID, [])
    assert len(await asyncio.gather(*(run(pool) for _ in range(20)))) == 20


async def test_a_statement_that_is_given_up_takes_its_connection_along(pool: Pool) -> None:
    for _ in range(3 * SIZE):
        running = asyncio.create_task(run(pool, "SELECT pg_sleep(30), 'not for you'"))
        await asyncio.sleep(0.05)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        (row,) = await run(pool)
        assert list(row.keys()) == ["pid"]
    await asyncio.sleep(0.5)
    assert await run(pool, STILL_RUNNING) == []


async def test_who_stops_waiting_takes_nothing_along(pool: Pool) -> None:
    held = [await pool.acquire() for _ in range(SIZE)]
    waiting = [asyncio.create_task(pool.acquire()) for _ in range(6)]
    await asyncio.sleep(0)
    fetching = [pool.fetch(one, PID, []) for one in held]
    for one in waiting[::2]:
        one.cancel()
    await asyncio.gather(*fetching)
    for one in waiting[1::2]:
        await pool.fetch(await one, PID, [])
    assert len(await asyncio.gather(*(run(pool) for _ in range(20)))) == 20


async def test_who_stops_waiting_in_the_moment_of_giving_up_is_stopped(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = [await pool.acquire() for _ in range(SIZE)]
    monkeypatch.setattr(pool_module, "ACQUIRE_SECONDS", 0.01)
    waiting = asyncio.create_task(pool.acquire())
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_later(0.01, waiting.cancel)
    time.sleep(0.05)  # noqa: ASYNC251  # so that both come in one tick of the event loop
    with pytest.raises(asyncio.CancelledError):
        await waiting
    for one in held:
        await pool.fetch(one, PID, [])


async def test_a_mistake_in_a_statement_keeps_the_connection(pool: Pool) -> None:
    (before,) = await run(pool)
    with pytest.raises(asyncpg.UndefinedTableError):
        await run(pool, "SELECT * FROM nowhere")
    (after,) = await run(pool)
    assert after["pid"] == before["pid"]


async def test_lost_connections_are_replaced(pool: Pool) -> None:
    rows = await asyncio.gather(*(run(pool) for _ in range(SIZE)))
    one, *others = {row["pid"] for (row,) in rows}
    for pid in others:
        await run(pool, f"SELECT pg_terminate_backend({pid}) WHERE pg_backend_pid() <> {pid}")
    await asyncio.sleep(0.2)
    for _ in range(SIZE):
        with_luck = await asyncio.gather(*(run(pool) for _ in range(SIZE)), return_exceptions=True)
    assert all(isinstance(rows, list) for rows in with_luck), with_luck
    assert one


async def test_after_expiry_all_are_new(pool: Pool) -> None:
    (before,) = await run(pool)
    running = asyncio.create_task(run(pool, "SELECT pg_sleep(0.1), pg_backend_pid() AS pid"))
    await asyncio.sleep(0.05)
    pool.expire()
    (under_way,) = await running
    (after,) = await run(pool)
    assert under_way["pid"] == before["pid"] != after["pid"]


async def test_room_that_its_hearer_may_not_use_is_told_to_the_next(
    new_database: Callable[..., Awaitable[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one owner two wait: what one hears of they may not use once the other holds another one."""
    pool = Pool(load_settings(database_url=await new_database(empty=True)).database, 4)
    greedy = [await pool.acquire("greedy") for _ in range(3)]
    other = await pool.acquire("other")
    waiting = [asyncio.create_task(pool.acquire(owner)) for owner in ("greedy", "greedy", "last")]
    await asyncio.sleep(0.01)
    leave = pool._leave

    def leave_while_another_one_comes_free(opened: Opened) -> None:
        leave(opened)
        pool.release(other)

    monkeypatch.setattr(pool, "_leave", leave_while_another_one_comes_free)
    pool.discard(greedy[0])
    async with asyncio.timeout(1):
        await waiting[2]
    assert len([one for one in waiting if one.done()]) == 2
    monkeypatch.undo()
    for one in waiting:
        one.cancel()
    await asyncio.wait(waiting)
    for opened in [*greedy[1:], *(one.result() for one in waiting if not one.cancelled())]:
        pool.release(opened)
    await pool.close()


async def test_a_share_that_comes_free_by_a_connection_that_closes_is_used_at_once(pool: Pool) -> None:
    held = [await pool.acquire("greedy") for _ in range(SIZE - 1)]
    pool.release(await pool.acquire("other"))
    waiting = asyncio.create_task(pool.acquire("greedy"))
    await asyncio.sleep(0.01)
    pool.discard(held[0])
    await asyncio.sleep(0)
    await asyncio.sleep(0)  # told, then run; the closing takes a round trip
    assert waiting.done()
    for opened in (held[1], await waiting):
        pool.release(opened)
