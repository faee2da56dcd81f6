"""The walk through every mutation that takes an id."""

from collections.abc import AsyncIterator, Iterable, Iterator
from typing import NamedTuple

from graphql import GraphQLSchema

from tests.harness.client import Answer, Json
from tests.harness.people import Person
from tests.harness.refusals import assert_civil
from tests.walls import samples
from tests.walls.answers import comparable
from tests.walls.documents import document
from tests.walls.queries import UNKNOWN
from tests.walls.slots import Path, Slot, Variables, leaves, replaced, slots
from tests.walls.tenants import Tenant


class Place(NamedTuple):
    name: str
    path: Path
    variables: Variables


class Mutations:
    def __init__(self, schema: GraphQLSchema) -> None:
        assert schema.mutation_type is not None
        self._fields = schema.mutation_type.fields
        self._type = schema.mutation_type
        self.slots = slots(self._type)

    def without_sample(self, tenant: Tenant) -> list[Slot]:
        """Arguments that take ids and that no sample names, but for ids of one's own choosing."""
        named = {(name, path) for name, path, _ in self.places(tenant)}
        return [slot for slot in self.slots if not is_chosen(slot) and (slot.field, slot.path) not in named]

    def places(self, tenant: Tenant, scalar: str = "ID") -> Iterator[Place]:
        """Where the samples have ids, or texts."""
        taking = {(slot.field, slot.path) for slot in slots(self._type, scalar)}
        for name, variables in all_samples(tenant):
            for path in leaves(variables):
                if (name, path) in taking:
                    yield Place(name, path, variables)

    def text(self, name: str, variables: Variables) -> str:
        return document("mutation", name, self._fields[name], variables, depth=2)

    async def run(self, person: Person, name: str, variables: Variables, **also: object) -> Answer:
        given = {**variables, **also}
        answer = await person.run(self.text(name, given), given)
        assert_civil(answer)
        return answer

    async def payload(self, person: Person, name: str, variables: Variables, **also: object) -> Json:
        payload: Json = (await self.run(person, name, variables, **also)).data[name]
        return payload

    async def refused(self, tenant: Tenant) -> AsyncIterator[str]:
        """Samples that their own owner cannot send; validateOnly takes the others back."""
        for name, variables in all_samples(tenant):
            payload = await self.payload(tenant.owner, name, variables, validateOnly=True)
            if payload["userErrors"]:
                yield f"{name}({variables}): {payload['userErrors']}"

    async def leaks(
        self, tenant: Tenant, outsider: Tenant, *, also: Iterable[str] = ()
    ) -> AsyncIterator[str]:
        """One id of the tenant's in what the outsider could send else, and all that the tenant can send.

        `also` are ids that must answer like an unknown one, too.
        """
        theirs = {(name, path): leaves(variables)[path] for name, path, variables in self.places(tenant)}
        for name, path, variables in self.places(outsider):
            wrong = theirs[name, path]
            wrong = wrong[0] if isinstance(wrong, list) else wrong
            unknown = await self.run(outsider.owner, name, replaced(variables, path, UNKNOWN))
            errors = [(error["code"], error["field"]) for error in unknown.data[name]["userErrors"]]
            if errors != ([] if (name, path) in samples.HARMLESS else [("NOT_FOUND", list(path))]):
                yield f"{name} with an unknown id at {path}: {errors}"
            for one in (wrong, *tenant.one_of_each(), *also):
                answer = await self.run(outsider.owner, name, replaced(variables, path, one))
                if comparable(answer) != comparable(unknown):
                    yield f"{name} with {one} at {path}: {comparable(answer):.500}"
        for name, _, variables in self.places(tenant):
            payload = await self.payload(outsider.owner, name, variables)
            if [error["code"] for error in payload["userErrors"]] != ["NOT_FOUND"]:
                yield f"{name}({variables}) of others: {payload}"


def all_samples(tenant: Tenant) -> Iterator[tuple[str, Variables]]:
    for name, several in samples.mutations(tenant).items():
        for variables in several:
            yield name, variables


def is_chosen(slot: Slot) -> bool:
    """Whether a new object gets this id."""
    return slot.field.endswith("Create") and slot.path == ("input", "id")
