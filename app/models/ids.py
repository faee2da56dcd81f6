from datetime import datetime
from uuid import UUID

from asyncpg.pgproto import pgproto
from uuid_utils.compat import uuid7


def new_id() -> UUID:
    """A UUIDv7 (RFC 9562): ids sort by the time they were made."""
    return uuid7()


def first_id_at(moment: datetime) -> UUID:
    """The least id of that millisecond: those made before `moment`'s are less."""
    return UUID(int=round(moment.timestamp() * 1000) << 80 | 0x7 << 76 | 0b10 << 62)


def parse_id(text: str) -> UUID | None:
    """The id that `text` spells in its canonical form (36 characters, lower case), else None.

    uuid.UUID also reads braces, `urn:uuid:` and digits without hyphens; one id has one spelling here.
    """
    try:
        value: UUID = pgproto.UUID(text)  # one that is read and hashed in C
    except ValueError:
        return None
    return value if str(value) == text else None
