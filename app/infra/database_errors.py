"""The one place where failures to reach the database become DatabaseUnavailable."""

from types import TracebackType

import asyncpg


class DatabaseUnavailable(Exception):
    """The database cannot be reached, or has no connection or room to spare. The message may be shown."""


class DatabaseTimeout(DatabaseUnavailable):
    """A statement was given up: the server or the client had waited for its time limit."""


class translate_failures:  # noqa: N801  # used as a function; a class costs a tenth of @contextmanager
    """
    A block whose failures of connections and resources, asyncpg's own or the system's, become
    DatabaseUnavailable. Errors of statements (constraints, data, syntax) pass through.
    """

    __slots__ = ()

    def __enter__(self) -> None:
        return

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None and (translation := _translate(error)):
            raise translation from error


# The system's errors: refused, reset, no such socket, unknown host, TLS. The server's: shutting down or
# starting up; too many connections or a full disk; a wrong password or database, or one that takes no
# connections for now; a standby, after a failover.
# asyncpg's: sslmode=verify-full without a certificate to verify by; a connection that dies while it answers.
_UNAVAILABLE = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.ObjectNotInPrerequisiteStateError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.ClientConfigurationError,
    asyncpg.InternalClientError,
)


def _translate(error: BaseException) -> DatabaseUnavailable | None:
    if isinstance(error, TimeoutError | asyncpg.QueryCanceledError):
        return DatabaseTimeout("The database did not answer in time.")
    if isinstance(error, _UNAVAILABLE) or _is_closed(error):
        return DatabaseUnavailable(str(error).strip() or type(error).__name__)
    return None


def _is_closed(error: BaseException) -> bool:
    # InterfaceError also stands for misuses of asyncpg and, as a ValueError, for arguments of a wrong type.
    return (
        isinstance(error, asyncpg.InterfaceError)
        and not isinstance(error, ValueError)
        and "clos" in str(error)
    )
