"""Wake-ups for the readers of the event log.

A wake-up only says "workspace W has events up to seq N"; the events themselves are always read from
PostgreSQL. A lost wake-up therefore costs time, never an event: readers also poll, about every second while
Redis is away.
"""

import asyncio
from collections.abc import Iterable
from uuid import UUID

import structlog
from redis.asyncio.client import PubSub
from redis.asyncio.client import Redis as RedisClient
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from app.infra.redis import Redis

POLL_WHILE_AWAY = 1.0  # seconds between two looks at the log while Redis cannot wake us
POLL_FOR_SAFETY = 10.0  # the same while it can
HEARTBEAT = 2.0  # seconds of silence after which Redis is asked whether it is there; twice that is away
RECONNECT_DELAY = 0.5
PUBLISH_PAUSE = 0.005  # seconds after a message in which others gather: under load one tells of many writes
OPERATION_TIMEOUT = 1.0
PENDING_LIMIT = 10_000  # workspaces; beyond it the oldest wake-up is dropped and its readers poll
SUBSCRIBE_AT_ONCE = 1_000

_CHANNEL_PREFIX = "taskflow:log:"
_CONTROL_CHANNEL = "taskflow:log"  # keeps the connection in subscribed mode while no workspace has a reader

_AWAY = (RedisError, OSError, TimeoutError)
_log = structlog.stdlib.get_logger("taskflow.wakeups")


class Wakeups:
    """Tells every process, by Redis pub/sub, that a workspace's log has grown.

    Without a `redis_url` it works within this process alone, and its subscriptions poll.
    """

    def __init__(self, redis_url: str | None, publisher: Redis | None = None) -> None:
        """`publisher`: a client of that URL to share, else it has one of its own."""
        self._redis_url = redis_url
        self._publisher = publisher or Redis(redis_url)
        self._owns_publisher = publisher is None
        self._subscriptions: dict[UUID, set[Subscription]] = {}
        self._confirmed: set[UUID] = set()
        self._sent: set[UUID] = set()
        self._channels_changed = asyncio.Event()
        self._pending: dict[UUID, int] = {}
        self._pending_added = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._connected = False

    async def start(self) -> None:
        if self._redis_url is None:
            return
        self._tasks = [
            asyncio.create_task(self._publish_forever(), name="wakeups-publish"),
            asyncio.create_task(self._listen_forever(self._redis_url), name="wakeups-listen"),
        ]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        if self._owns_publisher:
            await self._publisher.stop()

    @property
    def connected(self) -> bool:
        """Whether wake-ups of other processes arrive at present."""
        return self._connected

    @property
    def channels(self) -> int:
        """How many workspaces have a reader in this process."""
        return len(self._subscriptions)

    def publish(self, workspace_id: UUID, seq: int) -> None:
        """Announces a committed event. Returns at once and never raises: the write is already done."""
        self._wake(workspace_id, seq)
        if not self._tasks:
            return
        if workspace_id not in self._pending and len(self._pending) >= PENDING_LIMIT:
            del self._pending[next(iter(self._pending))]
        self._pending[workspace_id] = max(seq, self._pending.get(workspace_id, 0))
        self._pending_added.set()

    def subscribe(self, workspace_id: UUID) -> "Subscription":
        subscription = Subscription(self, workspace_id)
        self._subscriptions.setdefault(workspace_id, set()).add(subscription)
        self._channels_changed.set()
        return subscription

    def unsubscribe(self, subscription: "Subscription") -> None:
        remaining = self._subscriptions.get(subscription.workspace_id, set())
        remaining.discard(subscription)
        if not remaining and self._subscriptions.pop(subscription.workspace_id, None) is not None:
            self._channels_changed.set()

    def poll_interval(self, workspace_id: UUID) -> float:
        return POLL_FOR_SAFETY if workspace_id in self._confirmed else POLL_WHILE_AWAY

    def _wake(self, workspace_id: UUID, seq: int | None) -> None:
        for subscription in self._subscriptions.get(workspace_id, ()):
            subscription.wake(seq)

    async def _publish_forever(self) -> None:
        while True:
            await self._pending_added.wait()
            self._pending_added.clear()
            batch, self._pending = self._pending, {}
            if await self._published(batch):
                await asyncio.sleep(PUBLISH_PAUSE)
            else:
                # Kept for later: a reader elsewhere may be connected again before this publisher is.
                self._pending = _merged(batch, self._pending)
                self._pending_added.set()
                await asyncio.sleep(RECONNECT_DELAY)

    async def _published(self, batch: dict[UUID, int]) -> bool:
        calls = [self._publisher.publish(_channel(workspace), seq) for workspace, seq in batch.items()]
        return all([await call is not None for call in calls])

    async def _listen_forever(self, redis_url: str) -> None:
        while True:
            try:
                async with _client(redis_url) as redis, redis.pubsub() as pubsub:
                    await self._listen(pubsub)
            except* _AWAY as errors:
                self._on_disconnect(errors.exceptions[0])
            except* Exception:
                _log.exception("The listener for wake-ups failed")
                self._on_disconnect(None)
            await asyncio.sleep(RECONNECT_DELAY)

    async def _listen(self, pubsub: PubSub) -> None:
        self._sent = set()
        self._channels_changed.set()
        async with asyncio.timeout(OPERATION_TIMEOUT):
            await pubsub.subscribe(_CONTROL_CHANNEL)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_channels(pubsub))
            group.create_task(self._receive(pubsub))

    async def _keep_channels(self, pubsub: PubSub) -> None:
        while True:
            await self._channels_changed.wait()
            self._channels_changed.clear()
            wanted = set(self._subscriptions)
            for some in _chunks(wanted - self._sent):
                await pubsub.subscribe(*map(_channel, some))
            for some in _chunks(self._sent - wanted):
                await pubsub.unsubscribe(*map(_channel, some))
            self._sent = wanted

    async def _receive(self, pubsub: PubSub) -> None:
        asked = False
        while True:
            message = await pubsub.get_message(timeout=HEARTBEAT)
            if message is not None:
                asked = False
                self._on_message(message)
            elif asked:
                raise TimeoutError("Redis does not answer")
            else:
                asked = True
                await pubsub.ping()

    def _on_message(self, message: dict[str, object]) -> None:
        self._on_connect()
        channel = message["channel"]
        if not isinstance(channel, bytes) or not channel.startswith(_CHANNEL_PREFIX.encode()):
            return
        workspace_id = UUID(channel.decode().removeprefix(_CHANNEL_PREFIX))
        match message["type"], message["data"]:
            case "message", bytes(data) if data.isdigit():
                self._wake(workspace_id, int(data))
            case "subscribe", _:
                # What was published before this confirmation went past us.
                self._confirmed.add(workspace_id)
                self._wake(workspace_id, None)
            case "unsubscribe", _:
                self._confirmed.discard(workspace_id)

    def _on_connect(self) -> None:
        if not self._connected:
            self._connected = True
            _log.info("Wake-ups arrive by Redis")

    def _on_disconnect(self, error: BaseException | None) -> None:
        if self._connected:
            _log.warning("Redis is away; readers of the log poll meanwhile", reason=str(error))
        self._connected = False
        self._confirmed.clear()
        for workspace_id in list(self._subscriptions):
            self._wake(workspace_id, None)


class Subscription:
    """The wake-ups of one workspace, for one reader in this process."""

    def __init__(self, wakeups: Wakeups, workspace_id: UUID) -> None:
        self.workspace_id = workspace_id
        self._wakeups = wakeups
        self._seq = 0
        self._look = False
        self._woken = asyncio.Event()

    async def wait(self, position: int) -> None:
        """Returns when the log may hold an event after `position`, at the latest when it is time to poll."""
        try:
            async with asyncio.timeout(self._wakeups.poll_interval(self.workspace_id)):
                while not self._look and self._seq <= position:
                    self._woken.clear()
                    await self._woken.wait()
        except TimeoutError:
            return
        finally:
            self._look = False

    def wake(self, seq: int | None) -> None:
        """`seq`: the newest event known of; None: look in any case."""
        if seq is None:
            self._look = True
        else:
            self._seq = max(self._seq, seq)
        self._woken.set()

    def close(self) -> None:
        self._wakeups.unsubscribe(self)


def _client(redis_url: str) -> RedisClient:
    # No retries inside the client: the loops above own reconnection. RESP2 because a pub/sub connection needs
    # nothing of RESP3, whose handshake is several commands more. No socket_timeout: it makes every send an
    # asyncio.wait_for, which in Python 3.11 may swallow a cancellation (python/cpython#86296).
    return RedisClient.from_url(
        redis_url,
        protocol=2,
        retry=Retry(NoBackoff(), 0),
        socket_connect_timeout=OPERATION_TIMEOUT,
        socket_timeout=None,
    )


def _merged(older: dict[UUID, int], newer: dict[UUID, int]) -> dict[UUID, int]:
    merged = older | {key: max(seq, older.get(key, 0)) for key, seq in newer.items()}
    excess = len(merged) - PENDING_LIMIT
    return dict(list(merged.items())[excess:]) if excess > 0 else merged


def _channel(workspace_id: UUID) -> str:
    return f"{_CHANNEL_PREFIX}{workspace_id}"


def _chunks(workspace_ids: Iterable[UUID]) -> Iterable[list[UUID]]:
    rest = list(workspace_ids)
    return (rest[start : start + SUBSCRIBE_AT_ONCE] for start in range(0, len(rest), SUBSCRIBE_AT_ONCE))
