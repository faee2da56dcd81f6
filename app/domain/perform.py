"""The one wrapper that runs every write: transaction, idempotency key, events, commit, retries."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

from app.domain.constraints import fault_of, is_retryable
from app.domain.errors import RightsChanged, Unauthenticated
from app.domain.idempotency import Key, Stored
from app.domain.task_metrics import count_tasks
from app.domain.trials import Trials
from app.domain.viewer import Viewer, load_viewer
from app.domain.viewer_cache import ViewerCache
from app.domain.write import Write
from app.infra.db import Database, OpenTransaction, Watch

ATTEMPTS = 4
LONGEST_PAUSE = 0.05  # seconds, times the number of the attempt

Verb = Callable[[Write], Awaitable[UUID | None]]


@dataclass(slots=True)
class Outcome:
    """What came of a write."""

    subject_id: UUID | None
    sync_seq: int | None = None
    """The last event's `seq`; None when nothing changed or it was validated only."""
    repeated: bool = False
    """An idempotency key's earlier outcome; the verb did not run."""
    seqs: Mapping[UUID, int] = field(default_factory=dict)
    """Workspace → last `seq`: the readers to wake up."""
    stale_viewers: frozenset[UUID] = frozenset()
    """Users whose cached memberships the write made wrong."""
    transaction: OpenTransaction | None = None
    """Open still after `validate_only`: read the answer through it, then roll it back."""


async def perform(
    database: Database,
    viewer: Viewer | None,
    name: str,
    arguments: Mapping[str, object],
    verb: Verb,
    *,
    viewers: ViewerCache | None = None,
    idempotency_key: str | None = None,
    validate_only: bool = False,
    expected_version: int | None = None,
    trials: Trials | None = None,
    watch: Watch | None = None,
) -> Outcome:
    """Runs `verb` in a transaction and commits it, with its events last.

    name, arguments: the mutation and its coerced input, which an idempotency key stands for.
    verb: returns the id of the object that the answer shows; runs again after a deadlock, and when what the
        viewer may do has changed meanwhile, as who they are by then.
    viewers: where those are forgotten whose view the verb changes; may be left out for one that changes none.
    trials: bounds those with `validate_only`.
    watch: hears of each statement.
    Raises UserFault for what a user can mend, Unauthenticated for a session that has ended meanwhile, Busy;
    nothing is written then.
    """
    key = None
    if idempotency_key is not None and viewer is not None:
        told = {**arguments, "expectedVersion": expected_version}
        key = Key.of(viewer.user_id, name, idempotency_key, told)
    for attempt in range(1, ATTEMPTS + 1):
        try:
            owner = viewer.user_id if viewer else None
            transaction = await _begin(database, trials if validate_only else None, watch, owner)
            return await _attempt(transaction, viewer, verb, key, viewers, validate_only, expected_version)
        except RightsChanged:
            if viewer is None or attempt == ATTEMPTS:
                raise
            viewer = await _as_now(database, viewer, watch)
        except Exception as error:
            if not is_retryable(error) or attempt == ATTEMPTS:
                raise
            await asyncio.sleep(random.random() * LONGEST_PAUSE * attempt)  # noqa: S311 (jitter)
    raise AssertionError("unreachable")


async def _as_now(database: Database, viewer: Viewer, watch: Watch | None) -> Viewer:
    found = await load_viewer(partial(database.fetch, watch=watch), viewer.user_id, viewer.session_id)
    if found is None:
        raise Unauthenticated(Unauthenticated.BROKEN)
    return found


async def _begin(
    database: Database, trials: Trials | None, watch: Watch | None, owner: UUID | None
) -> OpenTransaction:
    if trials is None:
        return await database.begin(watch, owner)
    await trials.enter()
    try:
        transaction = await database.begin(watch, owner)
    except BaseException:
        trials.leave()
        raise
    transaction.at_end(trials.leave)
    return transaction


async def _attempt(
    transaction: OpenTransaction,
    viewer: Viewer | None,
    verb: Verb,
    key: Key | None,
    viewers: ViewerCache | None,
    validate_only: bool,
    expected_version: int | None,
) -> Outcome:
    try:
        write = Write(transaction, viewer, datetime.now(UTC), expected_version)
        outcome = await _run(write, verb, key)
        if validate_only:
            outcome.sync_seq = None
            outcome.transaction = transaction
        else:
            await _commit(write, viewers)
            count_tasks(write.events)
    except BaseException as error:
        await transaction.rollback()
        fault = fault_of(error)
        if fault is not None:
            raise fault from error
        raise
    return outcome


async def _run(write: Write, verb: Verb, key: Key | None) -> Outcome:
    claimed = await key.claim(write.transaction.fetch, write.now) if key else None
    if isinstance(claimed, Stored):
        return Outcome(claimed.subject_id, claimed.sync_seq, repeated=True)
    subject_id = await verb(write)
    seqs = await write.finish(claimed, subject_id)
    sync_seq = next(reversed(seqs.values()), None)
    return Outcome(subject_id, sync_seq, seqs=seqs, stale_viewers=frozenset(write.stale_viewers))


async def _commit(write: Write, viewers: ViewerCache | None) -> None:
    if not write.stale_viewers:
        await write.transaction.commit()
        return
    if viewers is None:
        raise RuntimeError("The verb changes what users may see, and nobody would hear of it.")
    async with viewers.changing(write.stale_viewers):
        await write.transaction.commit()
