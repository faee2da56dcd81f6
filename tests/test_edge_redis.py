"""Redis may hang, die and come back: a call costs little then, and nothing raises."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import uvloop

from app.infra.redis import CALL_TIMEOUT, Redis, RedisUnavailable
from app.infra.resp import Replies, ReplyError, encode
from tests.harness.own_redis import OwnRedis

SCRIPT = "return {ARGV[1], 2}"
COUNT = "return redis.call('INCR', KEYS[1])"


@pytest.fixture
async def own(tmp_path: Path) -> AsyncIterator[OwnRedis]:
    server = OwnRedis(tmp_path)
    yield server
    server.stop()


@pytest.fixture
async def redis(own: OwnRedis) -> AsyncIterator[Redis]:
    client = Redis(own.url)
    yield client
    await client.stop()


async def run(redis: Redis) -> object:
    return await redis.run_script(SCRIPT, ["key"], ["one"])


async def back(redis: Redis) -> None:
    for _ in range(100):
        if redis.available:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(redis.reason)


async def test_a_script_runs(redis: Redis) -> None:
    assert await run(redis) == [b"one", 2]
    assert await redis.ping() < CALL_TIMEOUT
    assert (redis.available, redis.reason) == (True, None)


async def test_a_hanging_server_costs_one_timeout(redis: Redis, own: OwnRedis) -> None:
    await run(redis)
    own.hang()
    started = time.perf_counter()
    assert set(await asyncio.gather(*(run(redis) for _ in range(100)))) == {None}
    assert time.perf_counter() - started < 3 * CALL_TIMEOUT

    started = time.perf_counter()
    assert set(await asyncio.gather(*(run(redis) for _ in range(100)))) == {None}
    assert time.perf_counter() - started < CALL_TIMEOUT  # nobody waits any more
    with pytest.raises(RedisUnavailable):
        await redis.ping()

    own.resume()
    await back(redis)
    assert await run(redis) == [b"one", 2]


async def test_a_full_server_refuses_writes_and_nothing_else(
    redis: Redis, own: OwnRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.infra.redis.ROOM_INTERVAL", 1.0)
    assert await redis.run_script(COUNT, ["counter"]) == 1
    own.fill()
    answers = await asyncio.gather(*(redis.run_script(COUNT, ["counter"]) for _ in range(5)), run(redis))
    assert answers == [None] * 5 + [[b"one", 2]]
    assert await redis.publish("nobody", 1) == 0
    assert (redis.available, redis.takes_writes, redis.connections) == (True, False, 1)
    with pytest.raises(RedisUnavailable, match="OOM"):
        await redis.ping()

    own.make_room()
    assert await redis.run_script(COUNT, ["counter"]) == 2
    for _ in range(100):
        if redis.takes_writes:
            break
        await asyncio.sleep(0.05)
    assert redis.takes_writes
    assert await redis.ping() < CALL_TIMEOUT


async def test_a_dead_server_comes_back(redis: Redis, own: OwnRedis) -> None:
    await run(redis)
    own.kill()
    started = time.perf_counter()
    assert await run(redis) is None
    assert time.perf_counter() - started < CALL_TIMEOUT
    assert redis.reason
    own.start()
    await back(redis)
    # The restarted server knows no script; it is sent along.
    assert await run(redis) == [b"one", 2]


async def test_a_restart_between_two_calls_is_not_noticed(redis: Redis, own: OwnRedis) -> None:
    await asyncio.gather(*(run(redis) for _ in range(10)))
    own.kill()
    own.start()
    assert await asyncio.gather(*(run(redis) for _ in range(10))) == [[b"one", 2]] * 10
    assert redis.available


async def test_without_an_address() -> None:
    redis = Redis(None)
    assert await run(redis) is None
    assert (redis.available, redis.reason) == (False, "REDIS_URL is not set")
    await redis.stop()


async def test_everybody_gets_their_own_answer(redis: Redis) -> None:
    asked = [str(number) for number in range(500)]
    answers = await asyncio.gather(*(redis.run_script(SCRIPT, [], [one]) for one in asked))
    assert answers == [[one.encode(), 2] for one in asked]
    assert redis.connections == 1


async def test_who_leaves_does_not_shift_the_answers_of_others(redis: Redis) -> None:
    await run(redis)
    asked = [redis.run_script(SCRIPT, [], [number]) for number in range(20)]
    for leaving in asked[::3]:
        leaving.cancel()
    await asyncio.sleep(0)
    for number, answer in enumerate(asked):
        if number % 3:
            assert await answer == [str(number).encode(), 2]


async def test_scripts_that_the_server_has_forgotten_are_sent_again(redis: Redis, own: OwnRedis) -> None:
    await run(redis)
    own.forget_scripts()
    assert await run(redis) == [b"one", 2]
    assert redis.available


async def test_a_refusal_is_a_loss(redis: Redis) -> None:
    assert await redis.run_script("return redis.call('NO SUCH COMMAND')", []) is None
    assert "ReplyError" in (redis.reason or "")
    await back(redis)
    assert await run(redis) == [b"one", 2]


async def test_calls_under_way_when_the_server_restarts_are_answered(redis: Redis, own: OwnRedis) -> None:
    await redis.run_script(COUNT, ["counter"])
    own.hang()
    waiting = [redis.run_script(COUNT, ["counter"]) for _ in range(5)]
    await asyncio.sleep(0.01)
    own.kill()
    own.start()
    assert {await one for one in waiting} == {1, 2, 3, 4, 5}
    assert redis.connections == 2


def test_replies_are_read_from_any_pieces() -> None:
    data = b"+OK\r\n:42\r\n$5\r\na\r\nbc\r\n$-1\r\n*-1\r\n*3\r\n:1\r\n*1\r\n$0\r\n\r\n$1\r\nx\r\n-ERR no\r\n"
    expected = [b"OK", 42, b"a\r\nbc", None, None, [1, [b""], b"x"]]
    for size in range(1, len(data) + 1):
        replies = Replies()
        read = [reply for at in range(0, len(data), size) for reply in replies.feed(data[at : at + size])]
        assert read[:-1] == expected
        assert isinstance(read[-1], ReplyError)
        assert str(read[-1]) == "ERR no"


def test_what_is_no_reply_is_noticed() -> None:
    with pytest.raises(ValueError, match="not a reply"):
        list(Replies().feed(b"HTTP/1.1 400 Bad Request\r\n"))


def test_commands_carry_any_bytes() -> None:
    assert encode((b"SET", b"\r\n", b"")) == b"*3\r\n$3\r\nSET\r\n$2\r\n\r\n\r\n$0\r\n\r\n"


async def test_a_process_that_was_busy_itself_waits_for_what_it_has_just_sent(own: OwnRedis) -> None:
    async def busy() -> tuple[object, bool]:
        redis = Redis(own.url)
        await redis.ping()
        asked = asyncio.ensure_future(run(redis))
        asyncio.get_running_loop().call_soon(time.sleep, 2 * CALL_TIMEOUT)  # between the call and its sending
        answer, available = await asked, redis.available
        await redis.stop()
        return answer, available

    # As the server runs: uvloop looks at its timers before it reads.
    assert await asyncio.to_thread(uvloop.run, busy()) == ([b"one", 2], True)
