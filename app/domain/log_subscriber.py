"""One subscription's place in the logs of the workspaces it follows."""

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Self
from uuid import UUID

from app.domain.errors import Unauthenticated
from app.domain.log import LogEvent
from app.domain.viewer import Viewer
from app.models.enums import Role

QUEUE_LIMIT = 5_000
"""Events that may wait for one subscriber: 40 kB of references to what all subscribers share."""


class SubscriberTooSlow(Exception):
    """The subscriber fell QUEUE_LIMIT events behind; it must read the current state and subscribe again."""


@dataclass(frozen=True, slots=True)
class AccessLost:
    workspace_id: UUID


class Subscriber:
    """Yields events in order, each once, and AccessLost once for each workspace that the viewer leaves.

    Ends when no workspace is left. Raises Unauthenticated when the session has ended or `expires_at` has
    passed, SubscriberTooSlow when its queue is full: nothing is ever skipped silently.
    """

    def __init__(
        self,
        viewer: Viewer,
        workspace_ids: Collection[UUID],
        *,
        wants: Callable[[LogEvent], bool],
        leave: Callable[[UUID, "Subscriber"], None],
        expires_at: datetime | None,
    ) -> None:
        self.viewer = viewer
        self._workspaces = set(workspace_ids)
        self._wants = wants
        self._leave = leave
        self._starts: Mapping[UUID, int] = {}
        self._queue: deque[LogEvent | AccessLost] = deque()
        self._news = asyncio.Event()
        self._failure: Exception | None = None
        self._expiry = None if expires_at is None else _call_at(expires_at, self._expire)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> LogEvent | AccessLost:
        while not self._queue:
            if self._failure is not None:
                raise self._failure
            if not self._workspaces:
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        return self._queue.popleft()

    def follows(self, workspace_id: UUID) -> bool:
        """False once access to the workspace is gone, or the subscription has ended."""
        return workspace_id in self._workspaces

    def start(self, seqs: Mapping[UUID, int]) -> None:
        """Drops what was queued of the time before: each workspace is followed from its `seq` on."""
        self._starts = seqs
        waiting = [event for event in self._queue if not isinstance(event, LogEvent) or self._is_new(event)]
        self._queue = deque(waiting)

    def push(self, events: Iterable[LogEvent]) -> None:
        for event in events:
            if event.workspace_id not in self._workspaces:
                return
            if self._is_new(event) and self._wants(event):
                if len(self._queue) >= QUEUE_LIMIT:
                    self.fail(SubscriberTooSlow())
                    return
                self._queue.append(event)
        self._news.set()

    def apply_access(self, workspace_id: UUID, roles: Mapping[UUID, Role | None]) -> None:
        """`roles` by session, as `roles_of_sessions` returns them."""
        session_id = self.viewer.session_id
        if session_id not in roles:
            self.fail(Unauthenticated(Unauthenticated.BROKEN))
        elif (role := roles[session_id]) is None:
            self._lose(workspace_id)
        elif role != self.viewer.role_in(workspace_id):
            self.viewer = replace(self.viewer, roles={**self.viewer.roles, workspace_id: role})

    def fail(self, error: Exception) -> None:
        """Ends the subscription with `error`; what waited is let go."""
        self.close()
        self._failure = error
        self._news.set()

    def close(self) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
        self._queue.clear()
        for workspace_id in self._workspaces:
            self._leave(workspace_id, self)
        self._workspaces.clear()

    def _is_new(self, event: LogEvent) -> bool:
        return event.seq > self._starts.get(event.workspace_id, 0)

    def _lose(self, workspace_id: UUID) -> None:
        if workspace_id not in self._workspaces:
            return
        self._workspaces.discard(workspace_id)
        self._leave(workspace_id, self)
        remaining = {other: role for other, role in self.viewer.roles.items() if other != workspace_id}
        self.viewer = replace(self.viewer, roles=remaining)
        # Access counts as of now, not as of the events that still wait.
        self._queue = deque(event for event in self._queue if event.workspace_id != workspace_id)
        self._queue.append(AccessLost(workspace_id))
        self._news.set()

    def _expire(self) -> None:
        self.fail(Unauthenticated(Unauthenticated.BROKEN))


def _call_at(time: datetime, callback: Callable[[], None]) -> asyncio.TimerHandle:
    seconds = (time - datetime.now(UTC)).total_seconds()
    return asyncio.get_running_loop().call_later(max(0.0, seconds), callback)
