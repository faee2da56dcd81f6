"""The schema: where the features' queries, mutations and subscriptions come together."""

from functools import cache
from operator import attrgetter

import strawberry
from strawberry.schema.config import StrawberryConfig
from tortoise import Tortoise

from app import models
from app.engine import EngineSchema, node, nodes, own, value_of
from app.graphql.changes import ChangesQueries
from app.graphql.mutations.account_deletion import AccountDeletionMutations
from app.graphql.mutations.accounts import AccountMutations
from app.graphql.mutations.comments import CommentMutations
from app.graphql.mutations.emails import EmailMutations
from app.graphql.mutations.labels import LabelMutations
from app.graphql.mutations.members import MemberMutations
from app.graphql.mutations.password_reset import PasswordResetMutations
from app.graphql.mutations.projects import ProjectMutations
from app.graphql.mutations.relations import RelationMutations
from app.graphql.mutations.tasks import TaskMutations
from app.graphql.mutations.workspaces import WorkspaceMutations
from app.graphql.node import Node
from app.graphql.projects import ProjectQueries
from app.graphql.rate_limit import RateLimitQueries
from app.graphql.scalars import SCALARS
from app.graphql.sessions import SessionQueries
from app.graphql.subscriptions import Subscription
from app.graphql.tasks import TaskQueries
from app.graphql.users import User
from app.graphql.workspaces import WorkspaceQueries


@strawberry.type(description="Reads. What the viewer may not see answers as what does not exist.")
class Query(WorkspaceQueries, ProjectQueries, TaskQueries, ChangesQueries, SessionQueries, RateLimitQueries):
    viewer: User | None = own("Who asks; null without an access token.", attrgetter("user_id"))
    node: Node | None = node("Any object by its id; null when the viewer sees none.")
    nodes: list[Node | None] = nodes("Up to 100 objects by their ids, null where the viewer sees none.")


@strawberry.type(
    description="Writes. Each field is a transaction of its own, and they run one after the other."
)
class Mutation(
    AccountMutations,
    PasswordResetMutations,
    EmailMutations,
    AccountDeletionMutations,
    WorkspaceMutations,
    MemberMutations,
    ProjectMutations,
    TaskMutations,
    LabelMutations,
    RelationMutations,
    CommentMutations,
):
    pass


@cache
def build_schema() -> EngineSchema:
    """The schema with its declarations bound. Raises DeclarationError for one that cannot work."""
    Tortoise.init_models([models.__name__], "models")  # relations are known from here on; nothing connects
    return EngineSchema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        config=StrawberryConfig(default_resolver=value_of, scalar_map=SCALARS),
    )
