"""A key makes a write happen once: the first call runs it, a repeat gets the stored outcome."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import orjson

from app.domain.errors import Invalid, UserErrorCode, UserFault
from app.domain.viewer import Fetch
from app.models.ids import new_id

LIFETIME = timedelta(hours=24)
LONGEST_KEY = 255

_KEY = re.compile(rf"[\x21-\x7e]{{1,{LONGEST_KEY}}}")
_FIELD = ("idempotencyKey",)


@dataclass(frozen=True, slots=True)
class Stored:
    subject_id: UUID | None
    sync_seq: int | None


@dataclass(frozen=True, slots=True)
class Key:
    """One viewer's key for one mutation, with the hash of the input that came with it."""

    user_id: UUID
    mutation: str
    key: str
    input_hash: bytes

    @classmethod
    def of(cls, user_id: UUID, mutation: str, key: str, arguments: Mapping[str, object]) -> "Key":
        """Raises Invalid for a key of another length or other characters than it takes."""
        if not _KEY.fullmatch(key):
            raise Invalid(
                f"idempotencyKey takes 1 to {LONGEST_KEY} printable ASCII characters without spaces.", _FIELD
            )
        return cls(user_id, mutation, key, canonical_hash(arguments))

    async def claim(self, fetch: Fetch, now: datetime) -> UUID | Stored:
        """The first statement of the write's transaction: a second one with this key waits here for it.

        Returns the id of its row when the key is this write's own now, else what an earlier write stored.
        Raises UserFault IDEMPOTENCY_KEY_REUSED when that had another input.
        """
        while True:
            args = [new_id(), self.user_id, self.mutation, self.key, self.input_hash, now, now - LIFETIME]
            claimed = await fetch("IdempotencyKey.claim", _CLAIM, args)
            if claimed:
                row_id: UUID = claimed[0]["id"]
                return row_id
            rows = await fetch("IdempotencyKey.read", _READ, [self.user_id, self.mutation, self.key])
            if rows:  # else it was purged between the two statements
                break
        row = rows[0]
        if bytes(row["input_hash"]) != self.input_hash:
            raise UserFault(
                "This idempotencyKey was used with another input within the last 24 hours.",
                _FIELD,
                UserErrorCode.IDEMPOTENCY_KEY_REUSED,
            )
        subject, seq = row["subject_id"], row["sync_seq"]
        return Stored(UUID(subject) if subject else None, int(seq) if seq else None)


async def store_unchanged(fetch: Fetch, row_id: UUID, subject_id: UUID | None) -> None:
    """The outcome of a write that recorded no event."""
    outcome = {"subjectId": None if subject_id is None else str(subject_id), "syncSeq": None}
    await fetch("IdempotencyKey.store", _STORE, [row_id, outcome])


def canonical_hash(arguments: Mapping[str, object]) -> bytes:
    """SHA-256 of the coerced arguments: the order of fields and the spelling of the document don't count."""
    try:
        text = orjson.dumps(arguments, default=str, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        # Over WebSocket a string may hold what UTF-8 cannot write: escaped here.
        text = json.dumps(arguments, sort_keys=True, ensure_ascii=True, default=str).encode()
    return hashlib.sha256(text).digest()


# A key older than its lifetime is taken over as if it had never been.
_CLAIM = """
INSERT INTO "idempotency_keys" AS held
    ("id", "user_id", "mutation", "key", "input_hash", "outcome", "created_at")
VALUES ($1, $2, $3, $4, $5, '{}', $6)
ON CONFLICT ("user_id", "mutation", "key") DO UPDATE
    SET "input_hash" = EXCLUDED."input_hash", "outcome" = EXCLUDED."outcome",
        "created_at" = EXCLUDED."created_at"
    WHERE held."created_at" < $7
RETURNING held."id"
"""

_READ = """
SELECT "input_hash", "outcome" ->> 'subjectId' AS subject_id, "outcome" ->> 'syncSeq' AS sync_seq
FROM "idempotency_keys" WHERE "user_id" = $1 AND "mutation" = $2 AND "key" = $3
"""

_STORE = 'UPDATE "idempotency_keys" SET "outcome" = $2 WHERE "id" = $1'
