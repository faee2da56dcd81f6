"""Removes what has expired and nobody can ask for any more: keys, tokens, sessions, mails done with."""

import asyncio
import logging
import random
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from app.domain import idempotency, outbox
from app.infra.db import Database, DatabaseUnavailable
from app.models.ids import first_id_at

BATCH: Final = 1000
"""Rows that one transaction removes at most, so that none takes long."""
FIRST: Final = 60.0
"""Seconds after the start."""
EVERY: Final = 3600.0
"""Seconds between two rounds, give or take a half: processes that start at once do not stay in step."""

_log = logging.getLogger(__name__)


async def purge(database: Database) -> Mapping[str, int]:
    """One round: how many rows of each kind it removed. Raises DatabaseUnavailable.

    Processes may do so side by side: each takes what no other one holds.
    """
    oldest_living = datetime.now(UTC) - idempotency.LIFETIME
    return {
        "idempotency keys": await _remove(
            database, "IdempotencyKey.purge", _KEYS, first_id_at(oldest_living), oldest_living
        ),
        "refresh tokens": await _remove(database, "RefreshToken.purge", _expired("refresh_tokens")),
        "sessions": await _remove(database, "Session.purge", _expired("sessions")),
        "mailed tokens": await _remove(database, "MailedToken.purge", _expired("mailed_tokens")),
        "mails": await _remove(database, "OutboxMail.purge", _MAILS, outbox.KEPT, outbox.STALE),
        "tasks of deleted workspaces": await _remove(database, "Task.purge", _of_deleted_workspaces("tasks")),
        "events of deleted workspaces": await _remove(
            database, "Event.purge", _of_deleted_workspaces("events")
        ),
        "deleted workspaces": await _remove(database, "Workspace.purge", _WORKSPACES),
    }


async def purge_for_ever(database: Database, *, first: float = FIRST, every: float = EVERY) -> None:
    """A round now and then, until cancelled. One that fails is left to the next."""
    delay = first
    while True:
        await asyncio.sleep(delay * random.uniform(0.5, 1.5))  # noqa: S311 (jitter)
        delay = every
        try:
            removed = await purge(database)
        except DatabaseUnavailable:
            continue
        except Exception:
            _log.exception("What has expired could not be removed.")
            continue
        if any(removed.values()):
            _log.info(
                "Removed what has expired: %s.", ", ".join(f"{n} {what}" for what, n in removed.items())
            )


async def _remove(database: Database, label: str, sql: str, *args: object) -> int:
    removed = 0
    while True:
        transaction = await database.begin()
        try:
            rows = await transaction.fetch(label, sql, [BATCH, *args])
            await transaction.commit()
        finally:
            await transaction.rollback()
        removed += len(rows)
        if len(rows) < BATCH:
            return removed


# A key is never older than its id, which the primary key finds; one taken over after its lifetime is younger.
_KEYS = """
DELETE FROM "idempotency_keys" WHERE "id" IN (
    SELECT "id" FROM "idempotency_keys" WHERE "id" < $2 AND "created_at" < $3
    LIMIT $1 FOR UPDATE SKIP LOCKED
) RETURNING 1
"""


def _expired(table: str) -> str:
    return f"""
DELETE FROM "{table}" WHERE "id" IN (
    SELECT "id" FROM "{table}" WHERE "expires_at" <= now() LIMIT $1 FOR UPDATE SKIP LOCKED
) RETURNING 1
"""


_MAILS = """
DELETE FROM "outbox_mails" WHERE "id" IN (
    SELECT "id" FROM "outbox_mails"
    WHERE "finished_at" <= now() - $2::interval
        OR ("finished_at" IS NULL AND "created_at" <= now() - $3::interval)
    LIMIT $1 FOR UPDATE SKIP LOCKED
) RETURNING 1
"""

# Those that were too large to go with their owner (app/domain/account_deletion.py).
_DELETED = """
workspace."slug" LIKE 'deleted-%'
AND NOT EXISTS (SELECT 1 FROM "memberships" AS member WHERE member."workspace_id" = workspace."id")
"""


def _of_deleted_workspaces(table: str) -> str:
    return f"""
DELETE FROM "{table}" WHERE "id" IN (
    SELECT one."id" FROM "{table}" AS one
    JOIN "workspaces" AS workspace ON workspace."id" = one."workspace_id"
    WHERE {_DELETED}
    LIMIT $1 FOR UPDATE OF one SKIP LOCKED
) RETURNING 1
"""


_WORKSPACES = f"""
DELETE FROM "workspaces" WHERE "id" IN (
    SELECT workspace."id" FROM "workspaces" AS workspace
    WHERE {_DELETED}
        AND NOT EXISTS (SELECT 1 FROM "tasks" WHERE "workspace_id" = workspace."id")
        AND NOT EXISTS (SELECT 1 FROM "events" WHERE "workspace_id" = workspace."id")
    LIMIT $1 FOR UPDATE SKIP LOCKED
) RETURNING 1
"""
