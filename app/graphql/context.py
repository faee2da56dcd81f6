"""What every resolver can reach: the process's resources, who asks, and this operation's reads."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple, Self
from uuid import UUID

import strawberry

from app.config import Settings
from app.domain.attempts import Attempts
from app.domain.errors import Unauthenticated
from app.domain.log_readers import LogReaders
from app.domain.passwords import Passwords
from app.domain.sessions import Device
from app.domain.tokens import AccessTokens
from app.domain.trials import Trials
from app.domain.viewer import Fetch, Viewer, load_viewer
from app.domain.viewer_cache import ViewerCache
from app.domain.write import Write
from app.engine import Reads
from app.engine.size import AnswerSize
from app.infra.db import Database
from app.infra.rate_limit import Allowance
from app.infra.redis import Redis
from app.infra.wakeups import Wakeups

_NOBODY: dict[str, object] = {"user_id": None, "workspace_ids": []}


@dataclass(frozen=True, slots=True)
class Services:
    """Opened in the lifespan, shared by all requests of the process."""

    settings: Settings
    database: Database
    redis: Redis
    wakeups: Wakeups
    log_readers: LogReaders
    passwords: Passwords
    access_tokens: AccessTokens
    viewers: ViewerCache
    attempts: Attempts
    trials: Trials = field(default_factory=Trials)


class StatementRun(NamedTuple):
    """One SQL statement as `extensions` tell of it: its label, never its text."""

    label: str
    seconds: float


@dataclass
class Context:
    services: Services
    viewer: Viewer | None
    request_id: str
    client_address: str
    user_agent: str | None = None
    token_broken: bool = False
    """Whether an access token came that is not valid: only those who need a viewer mind."""
    token_expires: float | None = None
    """When, in seconds since 1970."""
    connection_params: dict[str, Any] | None = None
    """The payload of a WebSocket's connection_init."""
    allowance: Allowance | None = None
    """What is left to the caller after this operation; None where nothing is limited."""
    cost: int = 0
    """Of this operation, in points."""
    charge: Callable[[UUID], Awaitable[Exception | None]] | None = None
    """Lets a user pay for an operation that nobody has paid for; why they cannot, if so."""
    refusal: Exception | None = None
    """Why who has signed in by this operation is not its viewer."""
    statements: list[StatementRun] = field(default_factory=list)
    """What was sent to PostgreSQL for this request, in order."""
    write: Write | None = None
    """The write under way, while a mutation's resolver runs."""
    size: AnswerSize = field(default_factory=AnswerSize, init=False)
    """Of the answer, over all root fields."""
    reads: Reads = field(init=False)
    _source: Fetch | None = field(default=None, init=False)
    _when_done: list[Callable[[], Awaitable[None]]] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self.renew_reads()

    @property
    def token_expires_at(self) -> datetime | None:
        return None if self.token_expires is None else datetime.fromtimestamp(self.token_expires, UTC)

    @property
    def device(self) -> Device:
        """What a session that begins here is known by."""
        return Device(self.user_agent, self.client_address)

    def require_viewer(self) -> Viewer:
        """Raises Unauthenticated."""
        if self.viewer is None:
            if self.refusal is not None:
                raise self.refusal
            raise Unauthenticated(Unauthenticated.BROKEN if self.token_broken else Unauthenticated.MISSING)
        return self.viewer

    def optional_viewer(self) -> Viewer | None:
        """None without a token. Raises Unauthenticated for a broken one."""
        return self.require_viewer() if self.token_broken else self.viewer

    def watch(self, label: str, seconds: float) -> None:
        """Takes note of a statement."""
        self.statements.append(StatementRun(label, seconds))

    def require_write(self) -> Write:
        """The write that the mutation wrapper opened for the resolver that runs."""
        if self.write is None:
            raise RuntimeError("No write is under way: the field is not declared with mutation().")
        return self.write

    async def sign_in(self, viewer: Viewer | None) -> None:
        """As `become`, for who has just signed in and pays for the operation; not who is out of points."""
        if viewer is not None and self.charge is not None:
            self.refusal = await self.charge(viewer.user_id)
            if self.refusal is not None:
                return
            self.charge = None
        self.become(viewer)

    def become(self, viewer: Viewer | None) -> None:
        """What follows in this document is read as `viewer`: after signing in, or joining a workspace."""
        self.viewer = viewer
        self.renew_reads()

    def renew_reads(self) -> None:
        binds = self.viewer.binds if self.viewer else _NOBODY
        self.reads = Reads(self._fetch, self.viewer, binds, self.size)

    def read_through(self, fetch: Fetch) -> None:
        """Reads go there until the root field is done: to a write that is validated and not committed."""
        self._source = fetch
        self.renew_reads()

    async def forget_viewer(self, user_id: UUID) -> None:
        """What this user may see has changed."""
        if self.viewer is not None and self.viewer.user_id == user_id:
            self.become(await load_viewer(self._fetch, user_id, self.viewer.session_id))

    def after_root_field(self, callback: Callable[[], Awaitable[None]]) -> None:
        """Calls back once the root mutation field that runs is answered, failed or not."""
        self._when_done.append(callback)

    def for_operation(self) -> Self:
        return replace(self)

    async def root_field_done(self) -> None:
        callbacks, self._when_done = self._when_done, []
        for callback in callbacks:
            await callback()
        self._source = None
        self.renew_reads()

    @property
    def _fetch(self) -> Any:
        """A Fetch. A write's is watched already."""
        owner = self.viewer.user_id if self.viewer else None
        return self._source or partial(self.services.database.fetch, watch=self.watch, owner=owner)


Info = strawberry.Info[Context, None]
