"""Follows the event log: one reader per workspace and process, shared by all its subscribers there."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import structlog

from app.domain.log import LogEvent, current_seqs, read_events, roles_of_sessions
from app.domain.log_subscriber import Subscriber
from app.domain.shared_reads import SharedRead
from app.domain.viewer import Fetch, Viewer
from app.infra.db import DatabaseUnavailable
from app.infra.wakeups import Wakeups
from app.models.enums import Role

PAGE = 500
WORKSPACES_AT_ONCE = 50
"""Whose events one statement reads: each up to PAGE."""
SEQS_AT_ONCE = 1_000
ROLES_AT_ONCE = 1_000
RETRY_DELAY = 0.5
"""Seconds between two attempts to read while PostgreSQL is away."""
BEGINNING_AT_ONCE = 4
"""Subscriptions that look for what they are to follow: each takes a connection, which requests need too."""
CHECK_INTERVAL = 5.0
"""Seconds after which access is looked at again although nothing has happened."""

_log = structlog.stdlib.get_logger("taskflow.log")


class LogReaders:
    """The log as this process follows it."""

    def __init__(self, fetch: Fetch, wakeups: Wakeups) -> None:
        self._wakeups = wakeups
        self._readers: dict[UUID, LogReader] = {}
        self._reads = LogReads(fetch)
        self.beginning = asyncio.Semaphore(BEGINNING_AT_ONCE)
        """To be held by whoever reads for a subscription that is about to `follow`."""

    async def follow(
        self,
        viewer: Viewer,
        workspace_ids: Collection[UUID],
        *,
        wants: Callable[[LogEvent], bool],
        expires_at: datetime | None = None,
    ) -> Subscriber:
        """Follows the workspaces from here on: every event committed after this returns is seen.

        `wants` chooses the events that are queued. `expires_at` is the end of the access token's life.
        Whoever calls this closes the subscriber. Raises DatabaseUnavailable.
        """
        subscriber = Subscriber(viewer, workspace_ids, wants=wants, leave=self._leave, expires_at=expires_at)
        # Joined first, positioned second: what happens between the two is queued, not lost.
        readers = [self._reader(workspace_id) for workspace_id in workspace_ids]
        for reader in readers:
            reader.subscribers.add(subscriber)
        try:
            seqs = await self._reads.seqs.get(workspace_ids)
        except BaseException:
            subscriber.close()
            raise
        subscriber.start(seqs)
        for reader in readers:
            reader.start(seqs.get(reader.workspace_id, 0))
        return subscriber

    async def stop(self) -> None:
        readers = list(self._readers.values())
        for reader in readers:
            reader.stop()
        self._readers.clear()
        tasks = [reader.task for reader in readers if reader.task is not None]
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._reads.stop()

    def __len__(self) -> int:
        """How many workspaces are being read."""
        return len(self._readers)

    def _reader(self, workspace_id: UUID) -> "LogReader":
        if workspace_id not in self._readers:
            self._readers[workspace_id] = LogReader(self._reads, self._wakeups, workspace_id)
        return self._readers[workspace_id]

    def _leave(self, workspace_id: UUID, subscriber: Subscriber) -> None:
        reader = self._readers.get(workspace_id)
        if reader is None:
            return
        reader.subscribers.discard(subscriber)
        if not reader.subscribers:
            del self._readers[workspace_id]
            reader.stop()


class LogReads:
    """What all readers ask of PostgreSQL. Those of many workspaces that ask at once share a statement."""

    def __init__(self, fetch: Fetch) -> None:
        async def seqs(workspace_ids: Sequence[UUID]) -> Mapping[UUID, int]:
            return await current_seqs(fetch, workspace_ids)

        async def events(places: Sequence[tuple[UUID, int]]) -> Mapping[tuple[UUID, int], list[LogEvent]]:
            return await read_events(fetch, places, PAGE)

        async def roles(
            asked: Sequence[tuple[UUID, UUID]],
        ) -> Mapping[tuple[UUID, UUID], Role | None]:
            return await roles_of_sessions(fetch, asked)

        self.seqs = SharedRead(seqs, at_most=SEQS_AT_ONCE)
        self.events = SharedRead(events, at_most=WORKSPACES_AT_ONCE)
        self.roles = SharedRead(roles, at_most=ROLES_AT_ONCE)

    async def stop(self) -> None:
        await asyncio.gather(self.seqs.stop(), self.events.stop(), self.roles.stop())


class LogReader:
    """Reads one workspace's log, once for all its subscribers."""

    def __init__(self, reads: LogReads, wakeups: Wakeups, workspace_id: UUID) -> None:
        self.workspace_id = workspace_id
        self.subscribers: set[Subscriber] = set()
        self.task: asyncio.Task[None] | None = None
        self._reads = reads
        self._position = 0
        self._checked_at = 0.0
        # From now on, so that no wake-up is missed between the first position and the first wait.
        self._wakeup = wakeups.subscribe(workspace_id)

    def start(self, position: int) -> None:
        """Reads what comes after `position`, unless it reads already or is left by now."""
        if self.task is None and self.subscribers:
            self._position = position
            self._checked_at = _clock()
            self.task = asyncio.create_task(self._run(), name=f"log-reader-{self.workspace_id}")

    def stop(self) -> None:
        self._wakeup.close()
        if self.task is not None:
            self.task.cancel()

    async def _run(self) -> None:
        while True:
            try:
                count = await self._advance()
            except DatabaseUnavailable:
                await asyncio.sleep(RETRY_DELAY)
            except Exception:
                _log.exception("Reading the log failed", workspace_id=str(self.workspace_id))
                await asyncio.sleep(RETRY_DELAY)
            else:
                if count < PAGE:
                    await self._wakeup.wait(self._position)

    async def _advance(self) -> int:
        """One page. The position moves only when both statements have answered."""
        place = (self.workspace_id, self._position)
        events = (await self._reads.events.get([place])).get(place, [])
        if events or _clock() - self._checked_at > CHECK_INTERVAL:
            await self._check_access()
        if events:
            self._position = events[-1].seq
            for subscriber in list(self.subscribers):
                subscriber.push(events)
        return len(events)

    async def _check_access(self) -> None:
        """After the events were read: who lost access by one of them is told that and not the event."""
        checked = list(self.subscribers)
        sessions = {subscriber.viewer.session_id for subscriber in checked}
        asked = [(self.workspace_id, session) for session in sessions]
        found = await self._reads.roles.get(asked)
        roles = {key[1]: found[key] for key in asked if key in found}
        self._checked_at = _clock()
        for subscriber in checked:
            subscriber.apply_access(self.workspace_id, roles)


def _clock() -> float:
    return asyncio.get_running_loop().time()
