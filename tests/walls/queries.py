"""The walk through every field of Query, and every field below it, that takes an id."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator

from graphql import GraphQLInterfaceType, GraphQLObjectType, GraphQLSchema

from tests.harness.client import Answer
from tests.harness.people import Person
from tests.harness.refusals import assert_civil
from tests.walls import samples
from tests.walls.answers import comparable
from tests.walls.documents import document, nested_document, required
from tests.walls.slots import Path, Slot, Variables, nested_slots, placed, slots
from tests.walls.tenants import Tenant

UNKNOWN = "0190a000-0000-7000-8000-000000000000"
ENOUGH = 2
"""Ids that mean something in a slot, of which so many are tried on the outsider."""


class Queries:
    """`outsider` asks with the ids of `tenant`; both are owners of workspaces alike."""

    def __init__(self, schema: GraphQLSchema, tenant: Tenant, outsider: Tenant) -> None:
        assert schema.query_type is not None
        self._schema = schema
        self._tenant = tenant
        self._outsider = outsider
        self._kinds: dict[Path, str] = {}
        # `node` first: it reaches most.
        root = sorted(slots(schema.query_type), key=lambda slot: slot.field != "node")
        self.slots = [*root, *nested_slots(schema)]

    async def walk(self) -> AsyncIterator[str]:
        """Ids of others that answer otherwise than an unknown one, and places where no id does."""
        for slot in self.slots:
            telling = [one async for one in self._telling(slot)]
            if not telling:
                yield f"{slot}: no id of the tenant has a say here, not even for its owner"
            others = [] if "filter" in slot.path else self._tenant.one_of_each()
            async for leak in self._leaks(slot, [*telling, *others]):
                yield leak

    async def lists(self, person: Person) -> AsyncIterator[tuple[str, Answer]]:
        """Each field of Query that answers without ids, with what lies below it; rateLimit has no ids."""
        assert self._schema.query_type is not None
        for name, field in self._schema.query_type.fields.items():
            if not required(field.args) and name != "rateLimit":
                answer = await person.run(document("query", name, field, {}, depth=2))
                if not answer.errors:
                    yield name, answer

    async def _leaks(self, slot: Slot, ids: Iterable[str]) -> AsyncIterator[str]:
        for context in self._contexts(slot):
            unknown = await self._ask(self._outsider, slot, UNKNOWN, context)
            assert_civil(unknown)
            asked = [self._ask(self._outsider, slot, one, context) for one in ids]
            for one, answer in zip(ids, await asyncio.gather(*asked), strict=True):
                if comparable(answer) != comparable(unknown):
                    yield f"{slot} with the id {one} of others: {comparable(answer):.500}"

    def _contexts(self, slot: Slot) -> Iterator[Tenant]:
        """Whose other arguments stand beside the id: the outsider's own; or the other tenant's, too."""
        yield self._outsider
        if str(slot) in samples.beside(self._tenant):
            yield self._tenant

    async def _telling(self, slot: Slot) -> AsyncIterator[str]:
        """The ids with which the owner gets another answer than with an unknown one."""
        unknown = comparable(await self._ask(self._tenant, slot, UNKNOWN, self._tenant))
        found = 0
        kind_of = slot.path[:-1] or (slot.field,)
        for name, one in self._likely(self._kinds.get(kind_of)):
            answer = await self._ask(self._tenant, slot, one, self._tenant)
            if not answer.errors and comparable(answer) != unknown:
                yield one
                self._kinds[kind_of] = name
                found += 1
                if found == ENOUGH:
                    return
            elif found:
                return

    def _likely(self, kind: str | None) -> Iterator[tuple[str, str]]:
        """All ids of the tenant by kind, those of `kind` first."""
        for name, ids in sorted(self._tenant.ids.items(), key=lambda item: item[0] != kind):
            for one in ids:
                yield name, one

    async def _ask(self, asker: Tenant, slot: Slot, one: str, context: Tenant) -> Answer:
        type_ = self._schema.type_map[slot.type_name]
        assert isinstance(type_, GraphQLObjectType | GraphQLInterfaceType)
        field = type_.fields[slot.field]
        given: Variables = {
            **samples.beside(context).get(str(slot), {}),
            **placed(field.args, slot.path, one),
        }
        if type_ is self._schema.query_type:
            return await asker.owner.run(document("query", slot.field, field, given), given)
        above = samples.above(asker).get(slot.type_name)
        assert above, f"{slot}: say in tests/walls/samples.py below which {slot.type_name}"
        text = nested_document(slot.type_name, slot.field, field, given)
        return await asker.owner.run(text, {**given, "node": above})
