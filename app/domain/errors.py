"""What a verb raises. The GraphQL layer turns a UserFault into one entry of `userErrors`."""

from collections.abc import Sequence
from enum import StrEnum
from uuid import UUID

FieldPath = tuple[str, ...]


class UserErrorCode(StrEnum):
    """Each member carries the description that the schema shows."""

    description: str

    def __new__(cls, value: str, description: str) -> "UserErrorCode":
        member = str.__new__(cls, value)
        member._value_ = value
        member.description = description
        return member

    NOT_FOUND = "NOT_FOUND", "Nothing with this id exists, or the viewer may not see it."
    INVALID = "INVALID", "The value is outside what the field takes; the message names the limit."
    FORBIDDEN = "FORBIDDEN", "The viewer sees this, but their role may not do it."
    VERSION_CONFLICT = (
        "VERSION_CONFLICT",
        "Somebody changed the same fields since expectedVersion; the payload holds the current object.",
    )
    IDEMPOTENCY_KEY_REUSED = (
        "IDEMPOTENCY_KEY_REUSED",
        "The idempotency key was used for another input within the last 24 hours.",
    )
    ID_TAKEN = "ID_TAKEN", "An object of this kind has the given id already."
    TAKEN = "TAKEN", "The value must be unique and is in use already."
    INVALID_CREDENTIALS = "INVALID_CREDENTIALS", "The email or the password is wrong."
    INVALID_TOKEN = "INVALID_TOKEN", "The token is unknown, spent, expired or revoked."
    EMAIL_DISABLED = "EMAIL_DISABLED", "This server sends no mail: its operator has set no SMTP_HOST."
    TOO_MANY_ATTEMPTS = (
        "TOO_MANY_ATTEMPTS",
        "This was tried too often lately; the message names the seconds to wait.",
    )


class UserFault(Exception):
    """What a user can cause and mend. `field` is a GraphQL path such as ("input", "title")."""

    code = UserErrorCode.INVALID

    def __init__(self, message: str, field: Sequence[str] = (), code: UserErrorCode | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field: FieldPath = tuple(field)
        if code is not None:
            self.code = code


class Invalid(UserFault):
    pass


class NotFound(UserFault):
    """The same sentence for ids that are malformed, unknown, or another tenant's."""

    code = UserErrorCode.NOT_FOUND

    def __init__(self, what: str, field: Sequence[str] = ()) -> None:
        super().__init__(f"No {what} with this id was found.", field)


class Forbidden(UserFault):
    code = UserErrorCode.FORBIDDEN


class Taken(UserFault):
    code = UserErrorCode.TAKEN


class TooManyAttempts(UserFault):
    code = UserErrorCode.TOO_MANY_ATTEMPTS

    def __init__(self, seconds: int) -> None:
        super().__init__(f"Too many attempts. Try again in {seconds} seconds.")


class Conflict(UserFault):
    """`current_id` is the object that the payload shows beside the error."""

    code = UserErrorCode.VERSION_CONFLICT

    def __init__(self, message: str, current_id: UUID) -> None:
        super().__init__(message, ("expectedVersion",))
        self.current_id = current_id


class Unauthenticated(Exception):
    """A top-level error, not a userError: there is no valid access token."""

    MISSING = "Sign in to do this."
    BROKEN = "The access token is not valid. Sign in again or refresh it."


class RightsChanged(Exception):
    """Not for users: what the viewer may do has changed since the write began. It is to be run again, as who
    they are now."""


class Busy(Exception):
    """A top-level error (SERVICE_UNAVAILABLE): more of this work waits already than the process takes on."""
