"""What every mutation has in common, as one decorator around its resolver."""

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import is_dataclass
from functools import partial
from typing import Any, Final, TypeVar, cast
from uuid import UUID

import strawberry
from strawberry.annotation import StrawberryAnnotation
from strawberry.extensions import FieldExtension
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.field import StrawberryField

from app.domain.errors import Conflict, UserFault
from app.domain.perform import Outcome, perform
from app.domain.viewer import Fetch, Viewer
from app.domain.write import Write
from app.engine.cost import COST_KEY, STATEMENT
from app.graphql.context import Context, Info
from app.graphql.payloads import Errors, Payload, UserError
from app.graphql.scalars import BigInt

TRIAL_READ_SECONDS: Final = 2.0
"""How long the answer to `validateOnly` may be read: until then others may wait for what it has locked."""

Resolver = TypeVar("Resolver", bound=Callable[..., Awaitable[Errors]])
T = TypeVar("T")

_COST = 6 * STATEMENT  # a transaction: what it locks, writes and logs
_COST_OF_TOKENS = 8 * STATEMENT  # also a password's hash, which is slow by design
_IDEMPOTENCY_KEY = (
    "Makes repeats harmless: within 24 hours the same key with the same input answers with what the first "
    "call did, and does nothing more. 1 to 255 printable ASCII characters without spaces."
)
_VALIDATE_ONLY = (
    "Runs everything and shows the answer as it would be, with a null syncSeq, then takes it all back."
)
_READ_TOO_LONG = (
    f"The answer to validateOnly was not read within {TRIAL_READ_SECONDS:.0f} s. "
    "Select less below the payload."
)
_EXPECTED_VERSION = (
    "The version that the change was made from. When the same fields changed since, the mutation is refused "
    "with VERSION_CONFLICT and shows the current object; other fields merge."
)


def mutation(
    description: str, *, changes_existing: bool = False, secrets: Collection[str] = ()
) -> Callable[[Resolver], Any]:
    """A mutation whose resolver returns its Payload from `info.context.require_write()`.

    It needs a signed-in viewer and runs in `perform`: with the arguments idempotencyKey and validateOnly, and
    expectedVersion when it changes something that exists. A UserFault becomes the payload's userErrors.

    secrets: the resolver's parameters that hold passwords.
    """

    def decorate(resolver: Resolver) -> Any:
        extension = _Performed(_payload_type(resolver, Payload), changes_existing, frozenset(secrets))
        return strawberry.mutation(
            resolver, description=description, extensions=[extension], metadata={COST_KEY: _COST}
        )

    return decorate


def token_mutation(description: str) -> Callable[[Resolver], Any]:
    """A mutation that hands out tokens: nobody is signed in, the verb opens its own transaction.

    Only a UserFault is turned into the payload's userErrors.
    """

    def decorate(resolver: Resolver) -> Any:
        extension = _FaultsAsErrors(_payload_type(resolver, Errors))
        return strawberry.mutation(
            resolver, description=description, extensions=[extension], metadata={COST_KEY: _COST_OF_TOKENS}
        )

    return decorate


def given(input: object, shape: type[T]) -> T:
    """The fields of an input that the client sent, null or not, as the domain's TypedDict `shape`."""
    return cast(T, _sent(vars(input)))


class _FaultsAsErrors(FieldExtension):
    def __init__(self, payload_type: type[Errors]) -> None:
        self._payload_type = payload_type

    async def resolve_async(
        self, next_: Callable[..., Awaitable[Any]], source: Any, info: Info, **kwargs: Any
    ) -> Any:
        try:
            return await next_(source, info, **kwargs)
        except UserFault as fault:
            return self._payload_type(user_errors=[UserError.of(fault)])


class _Performed(FieldExtension):
    def __init__(self, payload_type: type[Payload], changes_existing: bool, secrets: frozenset[str]) -> None:
        self._payload_type = payload_type
        self._changes_existing = changes_existing
        self._secrets = secrets

    def apply(self, field: StrawberryField) -> None:
        field.arguments = [
            *field.arguments,
            _argument("idempotency_key", str | None, _IDEMPOTENCY_KEY, None),
            _argument("validate_only", bool | None, _VALIDATE_ONLY, False),
        ]
        if self._changes_existing:
            field.arguments.append(_argument("expected_version", int | None, _EXPECTED_VERSION, None))
        for argument in field.arguments:
            if argument.default is None:  # Python's way to leave an argument out; the schema has its own
                argument.default = strawberry.UNSET

    async def resolve_async(
        self,
        next_: Callable[..., Awaitable[Any]],
        source: Any,
        info: Info,
        *,
        idempotency_key: str | None = None,
        validate_only: bool | None = False,
        expected_version: int | None = None,
        **kwargs: Any,
    ) -> Payload:
        context = info.context
        viewer = context.require_viewer()
        payload: Payload = self._payload_type()

        async def verb(write: Write) -> UUID | None:
            nonlocal payload
            context.write = write
            payload = await next_(source, info, **kwargs)
            return payload.subject_id

        try:
            outcome = await perform(
                context.services.database,
                viewer,
                info.field_name,
                cast(Mapping[str, object], _plain(self._sealed(kwargs, context))),
                verb,
                viewers=context.services.viewers,
                idempotency_key=idempotency_key,
                validate_only=bool(validate_only),
                expected_version=expected_version,
                trials=context.services.trials,
                watch=context.watch,
            )
        except UserFault as fault:
            shown = fault.current_id if isinstance(fault, Conflict) else None
            return self._payload_type(subject_id=shown, user_errors=[UserError.of(fault)])
        if outcome.transaction is not None:
            context.after_root_field(outcome.transaction.rollback)
        if outcome.repeated:
            payload = self._payload_type(subject_id=outcome.subject_id)
            # A call that has waited for the first one began before it: what that made must be seen.
            await context.forget_viewer(viewer.user_id)
        payload.sync_seq = None if outcome.sync_seq is None else BigInt(outcome.sync_seq)
        await _tell(context, viewer, outcome)
        return payload

    def _sealed(self, arguments: dict[str, Any], context: Context) -> dict[str, Any]:
        """Without passwords: an idempotency key's row keeps a fast hash of these, in every backup too."""
        if not self._secrets:
            return arguments
        secret = context.services.settings.jwt_secret.get_secret_value().encode("utf-8", "surrogateescape")

        def seal(value: object) -> str:
            text = f"{context.require_viewer().user_id}:{value}"
            return hmac.digest(secret, text.encode("utf-8", "surrogatepass"), "sha256").hex()

        return {name: seal(value) if name in self._secrets else value for name, value in arguments.items()}


async def _tell(context: Context, viewer: Viewer, outcome: Outcome) -> None:
    """After the commit readers wake up, and the rest of the document is read as who the viewer is now.

    What was only validated is answered from its open transaction, for whom the viewer would be, then undone.
    """
    if outcome.transaction is not None:
        context.read_through(_within(TRIAL_READ_SECONDS, outcome.transaction.fetch))
        if viewer.user_id in outcome.stale_viewers:
            context.after_root_field(partial(_restore, context, viewer))
            await context.forget_viewer(viewer.user_id)
        return
    for workspace_id, seq in outcome.seqs.items():
        context.services.wakeups.publish(workspace_id, seq)
    for user_id in outcome.stale_viewers:
        await context.forget_viewer(user_id)


def _within(seconds: float, fetch: Fetch) -> Fetch:
    """`fetch` until so many seconds from now: a write that is tried holds locks while its answer is read."""
    deadline = asyncio.get_running_loop().time() + seconds

    async def within(label: str, sql: str, args: Sequence[object], /) -> Sequence[Mapping[str, Any]]:
        try:
            async with asyncio.timeout_at(deadline):
                return await fetch(label, sql, args)
        except TimeoutError:
            raise UserFault(_READ_TOO_LONG) from None

    return within


async def _restore(context: Context, viewer: Viewer) -> None:
    context.become(viewer)


def _payload_type(resolver: Callable[..., object], base: type[T]) -> type[T]:
    declared = resolver.__annotations__["return"]
    if not (isinstance(declared, type) and issubclass(declared, base)):
        raise TypeError(f"{resolver.__qualname__} must be annotated to return a {base.__name__}")
    return declared


def _argument(name: str, type_: object, description: str, default: object) -> StrawberryArgument:
    return StrawberryArgument(
        python_name=name,
        graphql_name=None,
        type_annotation=StrawberryAnnotation(type_),
        description=description,
        default=default,
    )


def _plain(value: object) -> object:
    """Coerced arguments as plain data, without what the client left out."""
    if value is None or isinstance(value, str):
        return value
    if is_dataclass(value):
        value = vars(value)
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items() if item is not strawberry.UNSET}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _sent(values: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in values.items() if value is not strawberry.UNSET}
