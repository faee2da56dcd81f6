"""Where a task stands among those of its project. The caller holds the project's lock."""

from dataclasses import dataclass
from uuid import UUID

from app.domain import ranks
from app.domain.errors import Invalid
from app.domain.events import FieldChange
from app.domain.write import Write
from app.models import Project, Task

LONGEST_RANK = 60
"""Characters; PostgreSQL's indexes take some 2,600. A rank beyond it makes room among its neighbours."""
ENOUGH_ROOM = 40
"""Characters; ranks as short as this are what making room is after."""
_FEWEST_NEIGHBOURS = 8  # on either side


@dataclass(frozen=True, slots=True)
class _Place:
    rank: str
    id: UUID


async def place(
    write: Write, project: Project, task: Task, before_id: str | None, after_id: str | None
) -> None:
    """Gives `task` a rank directly before or after another; with both given, directly after `after_id`.

    Leaves it as it is when it stands there already. Raises NotFound or Invalid for those two.
    """
    before = await _anchor(write, task, before_id, "beforeId")
    after = await _anchor(write, task, after_id, "afterId")
    if before and after and (after.rank, after.id) >= (before.rank, before.id):
        raise Invalid("The task of afterId no longer stands before the task of beforeId.", ("afterId",))
    lower, upper = after, before
    if after is not None:
        upper = await _neighbour(write, task, after, _NEXT)
    elif before is not None:
        lower = await _neighbour(write, task, before, _PREVIOUS)
    if _stands_between(task, lower, upper):
        return
    end = ranks.of_number(project.last_task_number + 1)
    low = lower.rank if lower else None
    high = upper.rank if upper else end
    rank = ranks.between(low, high) if low is None or low < high else None
    if rank is None or len(rank) > LONGEST_RANK:
        rank = await _make_room(write, task, lower, upper, end)
    task.rank = rank


async def _anchor(write: Write, task: Task, id: str | None, argument: str) -> _Place | None:
    if id is None:
        return None
    other = await write.find(Task, id, (argument,))
    if other.id == task.id:
        raise Invalid("A task can't stand before or after itself.", (argument,))
    if other.project_id != task.project_id:
        raise Invalid(f"The task of {argument} belongs to another project.", (argument,))
    return _Place(other.rank, other.id)


async def _neighbour(write: Write, task: Task, anchor: _Place, sql: str) -> _Place | None:
    found = await _around(write, task, anchor, sql, 1)
    return found[0] if found else None


async def _around(write: Write, task: Task, anchor: _Place, sql: str, count: int) -> list[_Place]:
    rows = await write.fetch(
        "Task.neighbours",
        sql,
        project_id=task.project_id,
        moved_id=task.id,
        rank=anchor.rank,
        id=anchor.id,
        count=count,
    )
    return [_Place(row["rank"], row["id"]) for row in rows]


def _stands_between(task: Task, lower: _Place | None, upper: _Place | None) -> bool:
    own = (task.rank, task.id)
    return (lower is None or (lower.rank, lower.id) < own) and (upper is None or own < (upper.rank, upper.id))


async def _make_room(write: Write, task: Task, lower: _Place | None, upper: _Place | None, end: str) -> str:
    """Spreads the tasks around the gap evenly over the space that they take up together.

    Looks at more and more of them until that gives short ranks. Returns the rank in the gap.
    """
    count = _FEWEST_NEIGHBOURS
    while True:
        below = [lower, *await _around(write, task, lower, _PREVIOUS, count)] if lower else []
        above = [upper, *await _around(write, task, upper, _NEXT, count)] if upper else []
        first = below.pop().rank if len(below) > count else None
        last = above.pop().rank if len(above) > count else end
        everything = first is None and last == end
        if first is None or first < last:
            fresh = ranks.spread(first, last, len(below) + 1 + len(above))
            if everything or max(map(len, fresh)) <= ENOUGH_ROOM:
                break
        count *= 2
    neighbours = [*reversed(below), *above]
    rank = fresh.pop(len(below))
    await _put(write, {place.id: new for place, new in zip(neighbours, fresh, strict=True)})
    return rank


async def _put(write: Write, fresh: dict[UUID, str]) -> None:
    locked = await write.lock_all(Task, list(fresh))
    changed = [task for task in locked if task.rank != fresh[task.id]]
    old = {task.id: task.rank for task in changed}
    await write.fetch(
        "Task.rerank",
        _RERANK,
        ids=[task.id for task in changed],
        ranks=[fresh[task.id] for task in changed],
        now=write.now,
    )
    for task in changed:
        task.rank, task.version, task.updated_at = fresh[task.id], task.version + 1, write.now
        write.record(task, "task.reranked", [FieldChange("rank", old[task.id], task.rank)])


_ORDERED = """
SELECT "rank", "id" FROM "tasks"
WHERE "project_id" = :project_id AND "id" <> :moved_id AND ("rank", "id") {compared} (:rank, :id)
ORDER BY "rank" {direction}, "id" {direction} LIMIT :count
"""
_NEXT = _ORDERED.format(compared=">", direction="ASC")
_PREVIOUS = _ORDERED.format(compared="<", direction="DESC")

_RERANK = """
UPDATE "tasks" AS task SET "rank" = fresh.rank, "version" = task."version" + 1, "updated_at" = :now
FROM unnest(:ids::uuid[], :ranks::text[]) AS fresh (id, rank) WHERE task."id" = fresh.id
"""
