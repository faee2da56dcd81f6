"""A process without a server around it that follows the log of the shared server's database."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
from pydantic import SecretStr

from app.config import Settings
from app.domain import events
from app.domain.log_readers import LogReaders
from app.domain.log_subscriber import Subscriber
from app.domain.viewer import Viewer, load_viewer
from app.infra.db import Database
from app.infra.wakeups import Wakeups
from app.models import new_id
from tests.harness.people import Person
from tests.harness.server import JWT_SECRET, Server


class Process:
    def __init__(self, database: Database, wakeups: Wakeups) -> None:
        self.database = database
        self.wakeups = wakeups
        self.statements: Counter[str] = Counter()
        self.readers = LogReaders(self._fetch, wakeups)

    async def follow(self, viewer: Viewer, expires_at: datetime | None = None) -> Subscriber:
        return await self.readers.follow(
            viewer, viewer.workspace_ids, wants=lambda _: True, expires_at=expires_at
        )

    async def viewer_of(self, person: Person) -> Viewer:
        (row,) = await self.database.fetch(
            "Test.session", 'SELECT "id" FROM "sessions" WHERE "user_id" = $1 LIMIT 1', [UUID(person.id)]
        )
        viewer = await load_viewer(self.database.fetch, UUID(person.id), row["id"])
        assert viewer is not None
        return viewer

    async def append(self, workspace_id: UUID, count: int = 1) -> int:
        """Commits so many events and tells of the last. Returns its `seq`."""
        told = [events.Event(workspace_id, "task.updated", "task", new_id()) for _ in range(count)]
        transaction = await self.database.begin()
        try:
            seqs = await events.append(transaction.fetch, told, actor=None, now=datetime.now(UTC))
            await transaction.commit()
        finally:
            await transaction.rollback()
        self.wakeups.publish(workspace_id, seqs[workspace_id])
        return seqs[workspace_id]

    async def _fetch(self, label: str, sql: str, args: Sequence[object]) -> list[asyncpg.Record]:
        self.statements[label] += 1
        return await self.database.fetch(label, sql, args)


@asynccontextmanager
async def new_process(server: Server, redis_url: str | None) -> AsyncIterator[Process]:
    settings = Settings(database_url=server.database_url, jwt_secret=SecretStr(JWT_SECRET), db_pool_size=4)
    database, wakeups = Database(settings), Wakeups(redis_url)
    process = Process(database, wakeups)
    await database.start()
    await wakeups.start()
    try:
        await database.wait_ready(10)
        yield process
    finally:
        await process.readers.stop()
        await wakeups.stop()
        await database.stop()
