"""The root of a query: which statements begin it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from graphql import GraphQLObjectType
from strawberry import Schema

from app.engine.arguments import Arguments
from app.engine.connections import ConnectionFetch
from app.engine.entities import Entity, entity_of_type
from app.engine.fetches import Compiled, Run, bring
from app.engine.fields import METADATA_KEY, Lookup, Nodes, OfContext, Own, Resolved, ToMany, checked_ids
from app.engine.objects import object_by_id, object_of, objects_by_id
from app.engine.output_types import named_type
from app.engine.plan import plan_connection, plan_rows, plan_value
from app.engine.selection import Selected, Selections, Unsupported
from app.engine.statements import select_matching


class Viewing(Protocol):
    """Who asks. Both raise when the access token is broken."""

    def require_viewer(self) -> Any: ...

    def optional_viewer(self) -> Any: ...


class Root(Protocol):
    async def run(self, run: Run, viewing: Viewing) -> Any:
        """The field's result."""


@dataclass(frozen=True, slots=True)
class ConnectionRoot:
    fetch: ConnectionFetch

    async def run(self, run: Run, viewing: Viewing) -> Any:
        viewing.require_viewer()
        return await self.fetch.run(run, ())


@dataclass(frozen=True, slots=True)
class LookupRoot:
    word: Lookup
    arguments: Arguments
    level: Compiled

    async def run(self, run: Run, viewing: Viewing) -> Any:
        viewing.require_viewer()
        condition = self.word.find(**self.arguments.of(run.variables))
        if condition is None:
            return None
        statement = select_matching(self.word.target, self.level.columns, condition, limit=2)
        return await object_of(run, self.word.label, self.level, statement)


@dataclass(frozen=True, slots=True)
class OwnRoot:
    word: Own
    level: Compiled

    async def run(self, run: Run, viewing: Viewing) -> Any:
        viewer = viewing.optional_viewer()
        if viewer is None:
            return None
        key = str(self.word.key(viewer))
        return await object_by_id(run, self.word.label, self.word.target, self.level, key)


@dataclass(frozen=True, slots=True)
class NodesRoot:
    word: Nodes
    arguments: Arguments
    levels: Mapping[str, tuple[Entity, Compiled]]
    """By the name of the GraphQL type."""

    async def run(self, run: Run, viewing: Viewing) -> Any:
        viewing.require_viewer()
        arguments = self.arguments.of(run.variables)
        ids = checked_ids(arguments["ids"]) if self.word.many else [arguments["id"]]
        objects = await self._objects(run, ids)
        found = [objects.get(key) for key in ids]
        return found if self.word.many else found[0]

    async def _objects(self, run: Run, ids: list[str]) -> dict[str, Any]:
        of_type: dict[str, list[str]] = {}
        for key, entity in (await run.reads.locate(self.word.label, ids)).items():
            of_type.setdefault(entity.type_name, []).append(key)
        times_of = Counter(ids) if len(set(ids)) < len(ids) else None
        objects: dict[str, Any] = {}
        for name, keys in of_type.items():
            label = f"{self.word.label}.{name}"
            if self.word.many:
                objects |= await objects_by_id(run, label, *self.levels[name], keys, times_of)
            else:
                objects[keys[0]] = await object_by_id(run, label, *self.levels[name], keys[0])
        return objects


@dataclass(frozen=True, slots=True)
class ResolvedRoot:
    word: Resolved
    arguments: Arguments
    level: Compiled

    async def run(self, run: Run, viewing: Viewing) -> Any:
        viewing.require_viewer()
        value = await self.word.function(run.reads, **self.arguments.of(run.variables))
        return self.level.complete(value, *await bring(run, self.level.fetches, [value]))


@dataclass(frozen=True, slots=True)
class ContextRoot:
    word: OfContext
    level: Compiled

    async def run(self, run: Run, viewing: Viewing) -> Any:
        value = self.word.function(viewing)
        return self.level.complete(value, *await bring(run, self.level.fetches, [value]))


def plan_root(schema: Schema, selections: Selections, selected: Selected) -> Root:
    """Raises Unsupported for a field that no word declares."""
    word = selected.field.metadata.get(METADATA_KEY)
    type_ = named_type(selected.definition.type)

    def level(object_type: GraphQLObjectType, entity: Entity) -> Compiled:
        return plan_rows(schema, selections, object_type, selected.nodes, entity)

    def arguments() -> Arguments:
        return Arguments(schema, selected.definition, selected.field, selected.nodes[0].node)

    match word:
        case ToMany():
            return ConnectionRoot(plan_connection(schema, selections, word, None, selected))
        case Lookup():
            return LookupRoot(word, arguments(), level(type_, word.target))
        case Own():
            return OwnRoot(word, level(type_, word.target))
        case Nodes():
            levels = {
                possible.name: (entity, level(possible, entity))
                for possible in schema._schema.get_possible_types(type_)
                if (entity := entity_of_type(possible)) is not None
            }
            return NodesRoot(word, arguments(), levels)
        case Resolved():
            value = plan_value(schema, selections, type_, selected.nodes)
            return ResolvedRoot(word, arguments(), value)
        case OfContext():
            return ContextRoot(word, plan_value(schema, selections, type_, selected.nodes))
    raise Unsupported(f"resolver of {selected.field.python_name}")
