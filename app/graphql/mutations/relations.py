from typing import Annotated

import strawberry
from strawberry import UNSET

from app.domain import relations
from app.engine import to_one
from app.graphql.context import Info
from app.graphql.enums import RelationType
from app.graphql.mutation import given, mutation
from app.graphql.payloads import Payload
from app.graphql.tasks import TaskRelation


@strawberry.input(description="How one task relates to another of the same workspace.")
class TaskRelationCreateInput:
    task_id: strawberry.ID = strawberry.field(description="The task that blocks, duplicates or relates.")
    related_task_id: strawberry.ID = strawberry.field(description="The other task.")
    type: RelationType = strawberry.field(description="The relation, read from the first task to the other.")
    id: strawberry.ID | None = strawberry.field(
        default=UNSET, description="An id of your own: a UUIDv7. Without it one is made."
    )


@strawberry.type(description="What became of a relation.")
class TaskRelationPayload(Payload):
    task_relation: TaskRelation | None = to_one("The relation; null with errors.", key="subject_id")


@strawberry.type(description="A relation that is no more.")
class TaskRelationDeletePayload(Payload):
    deleted_task_relation_id: strawberry.ID | None = strawberry.field(
        default=None, description="The id of the relation that was deleted; null with errors."
    )

    def __post_init__(self) -> None:
        if self.subject_id is not None:
            self.deleted_task_relation_id = strawberry.ID(str(self.subject_id))


@strawberry.type
class RelationMutations:
    @mutation("Relates a task to another. Two tasks never stand in the same relation both ways.")
    async def task_relation_create(
        self,
        info: Info,
        input: Annotated[TaskRelationCreateInput, strawberry.argument(description="The new relation.")],
    ) -> TaskRelationPayload:
        asked = given(input, relations.RelationCreation)
        relation = await relations.create(info.context.require_write(), asked)
        return TaskRelationPayload(subject_id=relation.id)

    @mutation("Deletes a relation for good.")
    async def task_relation_delete(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The relation's id.")],
    ) -> TaskRelationDeletePayload:
        relation = await relations.delete(info.context.require_write(), id)
        return TaskRelationDeletePayload(subject_id=relation.id)
