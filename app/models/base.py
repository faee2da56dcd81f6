from datetime import UTC, datetime

from tortoise import fields
from tortoise.fields.db_defaults import Now
from tortoise.indexes import Index
from tortoise.models import Model

from app.models.ids import new_id


def utc_now() -> datetime:
    return datetime.now(UTC)


class Record(Model):
    """A row with an id and the time it was made. Defaults exist in Python and in the database alike."""

    id = fields.UUIDField(primary_key=True, default=new_id)
    created_at = fields.DatetimeField(default=utc_now, db_default=Now())

    class Meta:
        abstract = True


class Entity(Record):
    """A row that changes: `version` counts its changes, `updated_at` is the time of the last."""

    updated_at = fields.DatetimeField(default=utc_now, db_default=Now())
    version = fields.IntField(default=1, db_default=1)

    class Meta:
        abstract = True


class ByteOrderedTextField(fields.TextField):
    """Text compared byte by byte, the same on every server whatever its locale."""

    class _db_postgres:  # noqa: N801  # Tortoise looks the class up by this name
        SQL_TYPE = 'TEXT COLLATE "C"'


def index(name: str, *columns: str, where: str | None = None) -> Index:
    """An index on `columns`, in SQL also on the rows that match `where`.

    Tortoise's PartialIndex knows only `=`; and an Index of another class never equals the one that Aerich
    reads back from a migration, so that every run would find a change.
    """
    made = Index(fields=columns, name=name)
    if where is not None:
        made.extra = f" WHERE {where}"
    return made
