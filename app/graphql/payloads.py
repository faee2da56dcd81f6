from uuid import UUID

import strawberry

from app.domain.errors import UserErrorCode, UserFault
from app.graphql.scalars import BigInt
from app.infra.metrics import user_errors

strawberry.enum(UserErrorCode, description="What is wrong with a mutation's input.")
for _value in UserErrorCode.__strawberry_definition__.values:  # type: ignore[attr-defined]  # set by strawberry.enum
    _value.description = UserErrorCode[_value.name].description


@strawberry.type(description="What a user can cause and mend. The mutation changed nothing.")
class UserError:
    code: UserErrorCode = strawberry.field(description="What kind of error it is, for programs.")
    message: str = strawberry.field(description="What is wrong, for people. Its wording may change.")
    field: list[str] | None = strawberry.field(
        description='The path of the argument at fault, such as ["input", "title"]; null for none.'
    )

    @classmethod
    def of(cls, fault: UserFault) -> "UserError":
        user_errors.labels(fault.code.value).inc()
        return cls(code=fault.code, message=fault.message, field=list(fault.field) or None)


@strawberry.type
class Errors:
    """The part that every payload has. `subject_id` is the object that the payload shows."""

    subject_id: strawberry.Private[UUID | None] = None
    user_errors: list[UserError] = strawberry.field(
        default_factory=list, description="What the user can mend; empty when the mutation succeeded."
    )


@strawberry.type
class Payload(Errors):
    """Of the mutations that write to a workspace's log."""

    sync_seq: BigInt | None = strawberry.field(
        default=None,
        description="The position of this change in its workspace's log. "
        "Null when nothing changed, with errors, and with validateOnly.",
    )
