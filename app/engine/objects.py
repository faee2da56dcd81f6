"""The objects of rows that a statement finds by itself: of one row, or of rows by id."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.engine.connections import ConnectionFetch, RiddenFetch
from app.engine.entities import Entity
from app.engine.errors import AmbiguousLookup
from app.engine.fetches import Compiled, Record, Run, Times, bring
from app.engine.statements import Statement, select_by_ids, select_with_page


@dataclass(frozen=True, slots=True)
class RowsFetch:
    """The objects of rows by id, for values that Python code made: `keys_of` a value are its rows' ids.

    `single`: there is one value, with one such row at most.
    """

    label: str
    entity: Entity
    level: Compiled
    keys_of: Callable[[Any], list[str]]
    single: bool

    async def run(self, run: Run, parents: Sequence[Any], times: Times) -> dict[str, Any]:
        keys = list(dict.fromkeys(key for parent in parents for key in self.keys_of(parent)))
        if self.single and keys:
            return {keys[0]: await object_by_id(run, self.label, self.entity, self.level, keys[0])}
        return await objects_by_id(run, self.label, self.entity, self.level, keys)


async def object_of(run: Run, label: str, level: Compiled, statement: Statement) -> Any:
    """The object of the one row that a statement finds, None without a row.

    The first connection under it comes with the same statement: its rows multiply with one row alone.
    Raises AmbiguousLookup for more than one row.
    """
    rider, fetches = level.rider, level.fetches
    rows: Sequence[Record]
    if isinstance(rider, ConnectionFetch):
        asked = rider.asked(run)
        records = await run.reads.run(label, select_with_page(statement, asked.riding, asked.columns))
        rows = list({record["id"]: record for record in records}.values())
        ridden = RiddenFetch(rider, asked, asked.ridden(records, len(level.columns)))
        fetches = tuple([ridden if one is rider else one for one in fetches])
    else:
        rows = await run.reads.run(label, statement)
    if len(rows) > 1:
        raise AmbiguousLookup("More than one matches.")
    if not rows:
        return None
    if level.weight is not None:
        run.size.add_text(level.weight.of(rows, None))
    [found] = level.complete(rows, *await bring(run, fetches, rows))
    return found


async def object_by_id(run: Run, label: str, entity: Entity, level: Compiled, key: str) -> Any:
    """None where there is no such row that the viewer may see."""
    return await object_of(run, label, level, select_by_ids(entity, level.columns, [key]))


async def objects_by_id(
    run: Run,
    label: str,
    entity: Entity,
    level: Compiled,
    keys: Sequence[str],
    times_of: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """`times_of`: how often the object of each key occurs in the answer; None: once."""
    if not keys:
        return {}
    records = await run.reads.run(label, select_by_ids(entity, level.columns, keys))
    times = None if times_of is None else [times_of[record["id"]] for record in records]
    if level.weight is not None:
        run.size.add_text(level.weight.of(records, times))
    fetched = await bring(run, level.fetches, records, times)
    objects = level.complete(records, *fetched)
    return {record["id"]: value for record, value in zip(records, objects, strict=True)}
