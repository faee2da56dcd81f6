"""Follows the event log: one reader per workspace and process, shared by all its subscribers there."""

import asyncio
from collections.abc import Callable, Collection
from datetime import datetime
from uuid import UUID

import structlog

from app.domain.log import LogEvent, current_seqs, read_events, roles_of_sessions
from app.domain.log_subscriber import Subscriber
from app.domain.viewer import Fetch, Viewer
from app.infra.db import DatabaseUnavailable
from app.infra.wakeups import Wakeups

PAGE = 500
RETRY_DELAY = 0.5
"""Seconds between two attempts to read while PostgreSQL is away."""
CHECK_INTERVAL = 5.0
"""Seconds after which access is looked at again although nothing has happened."""

_log = structlog.stdlib.get_logger("taskflow.log")


class LogReaders:
    """The log as this process follows it."""

    def __init__(self, fetch: Fetch, wakeups: Wakeups) -> None:
        self._fetch = fetch
        self._wakeups = wakeups
        self._readers: dict[UUID, LogReader] = {}

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
            seqs = await current_seqs(self._fetch, workspace_ids)
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

    def __len__(self) -> int:
        """How many workspaces are being read."""
        return len(self._readers)

    def _reader(self, workspace_id: UUID) -> "LogReader":
        if workspace_id not in self._readers:
            self._readers[workspace_id] = LogReader(self._fetch, self._wakeups, workspace_id)
        return self._readers[workspace_id]

    def _leave(self, workspace_id: UUID, subscriber: Subscriber) -> None:
        reader = self._readers.get(workspace_id)
        if reader is None:
            return
        reader.subscribers.discard(subscriber)
        if not reader.subscribers:
            del self._readers[workspace_id]
            reader.stop()


class LogReader:
    """Reads one workspace's log, once for all its subscribers."""

    def __init__(self, fetch: Fetch, wakeups: Wakeups, workspace_id: UUID) -> None:
        self.workspace_id = workspace_id
        self.subscribers: set[Subscriber] = set()
        self.task: asyncio.Task[None] | None = None
        self._fetch = fetch
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
        events = await read_events(self._fetch, self.workspace_id, self._position, PAGE)
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
        roles = await roles_of_sessions(self._fetch, self.workspace_id, sessions)
        self._checked_at = _clock()
        for subscriber in checked:
            subscriber.apply_access(self.workspace_id, roles)


def _clock() -> float:
    return asyncio.get_running_loop().time()
