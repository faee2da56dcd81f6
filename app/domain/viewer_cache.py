"""Viewers, remembered by each process and dropped in all of them by the write that changes what they may see.

PostgreSQL is the truth, and Redis tells whether what is remembered of it may be used:

- A write marks in Redis whose view it changes, before it commits and again after, before it answers. A mark
  lasts MARK. While it is there everybody asks PostgreSQL and remembers nothing.
- A reader asks Redis for the mark and the time in every request. Without a mark it may use a viewer that was
  loaded after an earlier answer without a mark, at most LEASE before by Redis' clock, on the same connection.

Why no reader uses the old view once the write is committed: it was loaded before the commit, after an answer
without a mark at t. Were the mark older than t and gone by t, the commit would have taken longer than MARK
(see below). So the mark is younger than t and outlasts t + LEASE, as MARK > LEASE, both by one clock: for as
long as the old view could be used, the mark is seen. The same when the writer is killed at any step: before
the commit nothing has changed, after it the first mark stands.

Where the mark is not there, the second one, and the wait, keep what was answered true:

- The commit took longer than MARK: the mark after it holds by the same reasoning, from then on.
- Redis has restarted and lost the mark, or come back with older memory: its connections broke, and with them
  every process forgets. What is loaded later is new, but for a commit still to come: marked again after it.
- The writer cannot reach Redis, though readers may: it waits until every lease from before the commit has run
  out, and answers then. If it is killed meanwhile, nobody was told that anything has changed.
- Two Redis servers take themselves for the master, marks are evicted or flushed, or a row is changed past the
  API: the old view ends with its lease. Nothing but time is needed for that, so LEASE is short.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, NamedTuple
from uuid import UUID

from app.domain.viewer import Fetch, Viewer, load_viewer
from app.infra.redis import Redis

LEASE: Final = 2.0
"""Seconds that a loaded viewer may be used."""
MARK: Final = 15.0
"""Seconds that a mark lasts: more than LEASE, and more than a commit takes (it is given up after 10 s)."""
# Clocks of two machines do not run at quite the same pace.
_WAIT: Final = LEASE * 1.1

LOOK: Final = """
local function look(key)
    local now = redis.call('TIME')
    return redis.call('EXISTS', key), now[1] * 1000000 + now[2]
end
"""
"""A function in Lua, for a script that does more in the same round trip: of `mark_key`, whether the mark is
there, and the time in microseconds."""

_LOOK_ALONE: Final = LOOK + "return {look(KEYS[1])}"
_MARK: Final = """
for _, key in ipairs(KEYS) do redis.call('SET', key, '', 'PX', ARGV[1]) end
return 1
"""


class Look(NamedTuple):
    """What Redis said (None: nothing), and over which connection it was asked: their number at that time."""

    answer: Sequence[int] | None
    connection: int


@dataclass(slots=True)
class _Remembered:
    viewer: Viewer
    connection: int
    since: int  # microseconds, by Redis' clock


class ViewerCache:
    """Holds at most `size` viewers; those that were loaded first go first."""

    def __init__(self, redis: Redis, *, size: int = 10_000) -> None:
        self._redis = redis
        self._size = size
        self._remembered: dict[UUID, _Remembered] = {}

    async def look(self, user_id: UUID) -> Look:
        connection = self._redis.connections
        return Look(await self._redis.run_script(_LOOK_ALONE, [mark_key(user_id)]), connection)

    def remembers(self, session_id: UUID) -> bool:
        """Whether the session had not ended when it was last looked at, a short while ago."""
        return session_id in self._remembered

    def remembered(self, user_id: UUID, session_id: UUID, look: Look) -> Viewer | None:
        """The viewer, where what is remembered of them may be used."""
        if not self._may_remember(look):
            self._remembered.pop(session_id, None)
            return None
        known = self._remembered.get(session_id)
        if known is None or known.viewer.user_id != user_id or known.connection != look.connection:
            return None
        assert look.answer is not None  # noqa: S101 - it has told that there is no mark
        return known.viewer if 0 <= look.answer[1] - known.since < LEASE * 1_000_000 else None

    async def load(self, fetch: Fetch, user_id: UUID, session_id: UUID, look: Look) -> Viewer | None:
        """The viewer as they are now. None when the user is gone or disabled, or the session has ended."""
        known = self.remembered(user_id, session_id, look)
        if known is not None:
            return known
        may_remember = self._may_remember(look)
        viewer = await load_viewer(fetch, user_id, session_id)
        if viewer is None:
            self._remembered.pop(session_id, None)
        elif may_remember and look.answer is not None:
            self._remember(_Remembered(viewer, look.connection, look.answer[1]))
        return viewer

    @asynccontextmanager
    async def changing(self, user_ids: Collection[UUID]) -> AsyncIterator[None]:
        """The block commits what changes their view. After it nobody takes these users for what they were."""
        if not user_ids:
            yield
            return
        await self._mark(user_ids)
        try:
            yield
        finally:
            if not await self._mark(user_ids) and self._redis.configured:
                await asyncio.sleep(_WAIT)

    def _may_remember(self, look: Look) -> bool:
        """Whether there is no mark, nor was one lost since."""
        return look.answer is not None and not look.answer[0] and look.connection == self._redis.connections

    async def _mark(self, user_ids: Collection[UUID]) -> bool:
        keys = [mark_key(user_id) for user_id in user_ids]
        return await self._redis.run_script(_MARK, keys, [round(MARK * 1000)]) is not None

    def _remember(self, remembered: _Remembered) -> None:
        session_id = remembered.viewer.session_id
        self._remembered.pop(session_id, None)
        if len(self._remembered) >= self._size:
            del self._remembered[next(iter(self._remembered))]
        self._remembered[session_id] = remembered


def mark_key(user_id: UUID) -> str:
    return f"taskflow:changing:{user_id}"
