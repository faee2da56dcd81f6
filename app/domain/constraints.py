"""The database decides races: what its refusals mean to the user."""

import asyncpg

from app.domain.errors import FieldPath, Invalid, Taken, UserErrorCode, UserFault

_INPUT_ID: FieldPath = ("input", "id")

# Each table has at most one unique key, beside the primary one, that users run into.
_UNIQUE: dict[str, tuple[str, FieldPath]] = {
    "users": ("This email is in use already.", ("input", "email")),
    "workspaces": ("This slug is in use already.", ("input", "slug")),
    "memberships": ("This user is a member already.", ("email",)),
    "projects": ("Another project of the workspace has this key.", ("input", "key")),
    "statuses": ("Another status of the project has this name.", ("input", "name")),
    "labels": ("Another label here has this name.", ("input", "name")),
    "task_relations": ("These two tasks are related in this way already.", ("input", "relatedTaskId")),
}

_RETRYABLE = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)


def postgres_error(error: BaseException) -> asyncpg.PostgresError | None:
    """The server's own error, also from under Tortoise's, which carries it as its argument or cause."""
    for candidate in (error, *error.args[:1], error.__cause__):
        if isinstance(candidate, asyncpg.PostgresError):
            return candidate
    return None


def is_retryable(error: BaseException) -> bool:
    """A deadlock or a serialization failure: PostgreSQL asks for the transaction to be run again."""
    return isinstance(postgres_error(error), _RETRYABLE)


def fault_of(error: BaseException) -> UserFault | None:
    """What the user is told; None for errors that are none of theirs."""
    cause = postgres_error(error)
    if isinstance(cause, asyncpg.UniqueViolationError):
        return _unique_fault(cause)
    if isinstance(cause, asyncpg.ForeignKeyViolationError | asyncpg.RestrictViolationError):
        return Invalid("Something that this refers to was removed meanwhile. Read again and retry.")
    return None


def _unique_fault(cause: asyncpg.UniqueViolationError) -> UserFault | None:
    table = str(cause.table_name)
    if cause.constraint_name == f"{table}_pkey":
        return UserFault("An object of this kind has this id already.", _INPUT_ID, UserErrorCode.ID_TAKEN)
    if table not in _UNIQUE:
        return None
    message, field = _UNIQUE[table]
    return Taken(message, field)
