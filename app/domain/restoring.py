"""What has to be done once to a database that was restored from a backup, before servers write to it."""

from dataclasses import dataclass

from app.domain.viewer import Fetch


@dataclass(frozen=True, slots=True)
class BrokenLog:
    """A workspace whose restored log is not whole."""

    slug: str
    counter: int | None
    """The last `seq` given out."""
    events: int
    last: int
    """The last event's `seq`."""

    def __str__(self) -> str:
        counter = "no counter" if self.counter is None else f"its counter at {self.counter}"
        return f"{self.slug}: {self.events} events up to seq {self.last}, {counter}"


async def broken_logs(fetch: Fetch) -> list[BrokenLog]:
    """The workspaces whose `seq` does not run from 1 to the counter without a gap. Reads the whole log."""
    return [BrokenLog(**row) for row in await fetch("Restore.brokenLogs", _BROKEN_LOGS, [])]


async def renew_epochs(fetch: Fetch) -> int:
    """Gives every workspace a new sync epoch and returns their number.

    What was written after the backup is gone, and `seq` will be given out a second time: a client that kept
    what it read must not take the new events for the next of those that it knows.
    """
    return len(await fetch("Restore.renewEpochs", _RENEW_EPOCHS, []))


async def end_sessions(fetch: Fetch) -> int:
    """Signs everybody out and returns the number of sessions: a backup also brings back those that have been
    ended since, as that of a stolen device."""
    return len(await fetch("Restore.endSessions", _END_SESSIONS, []))


async def servers_connected(fetch: Fetch) -> int:
    """How many connections TaskFlow's servers and commands have to this database, beside this one."""
    (row,) = await fetch("Restore.servers", _SERVERS, [])
    count: int = row["count"]
    return count


_BROKEN_LOGS = """
SELECT workspace."slug", counter."seq" AS counter, coalesce(log."events", 0) AS events,
    coalesce(log."last", 0) AS last
FROM "workspaces" AS workspace
LEFT JOIN "workspace_counters" AS counter ON counter."workspace_id" = workspace."id"
LEFT JOIN (
    SELECT "workspace_id", count(*) AS events, max("seq") AS last FROM "events" GROUP BY "workspace_id"
) AS log ON log."workspace_id" = workspace."id"
WHERE (coalesce(log."events", 0), coalesce(log."last", 0)) IS DISTINCT FROM (counter."seq", counter."seq")
ORDER BY workspace."slug"
"""

_RENEW_EPOCHS = 'UPDATE "workspaces" SET "sync_epoch" = gen_random_uuid() RETURNING "id"'

_END_SESSIONS = """
UPDATE "sessions" SET "revoked_at" = now() WHERE "revoked_at" IS NULL AND "expires_at" > now() RETURNING "id"
"""

_SERVERS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'taskflow' AND pid <> pg_backend_pid()
"""
