"""A test of the tests: with any access predicate deleted, the walks through the schema find a hole."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from graphql import extend_schema, parse

from app.domain import access
from tests.harness.client import Api
from tests.harness.server import Server, Servers
from tests.harness.sockets import open_socket
from tests.walls.documents import introspected
from tests.walls.mutations import Mutations
from tests.walls.queries import Queries
from tests.walls.subscriptions import Subscriptions
from tests.walls.tenants import Tenant, make_tenant

MODELS = {model.__name__ for model in access.PREDICATES}
FORGOTTEN = """
input Deep { labelIds: [ID!]! }
input Forgotten { deep: Deep! }
extend type Query { forgotten(taskId: ID!): Task }
extend type Mutation { forgotten(input: Forgotten!): TaskPayload }
extend type Subscription { forgotten(id: ID): Task }
"""
ALSO_BY_MUTATIONS = MODELS - {"Event", "Label", "Status", "User"}
"""No mutation takes an event's id; labels, statuses and people are looked up within a workspace."""
ALSO_BY_SUBSCRIPTIONS = {"Project", "Task"}


@pytest.fixture(scope="module")
async def tenants(api: Api, sql: asyncpg.Pool) -> tuple[Tenant, Tenant]:
    """For walks that write nothing, whatever is missing."""
    return await make_tenant(api, sql), await make_tenant(api, sql)


@pytest.mark.parametrize("model", sorted(MODELS))
async def test_a_deleted_predicate_is_found(
    model: str, server: Server, servers: Servers, sql: asyncpg.Pool, tenants: tuple[Tenant, Tenant]
) -> None:
    env = {name: value for name, value in server.env.items() if name != "APP_PORT"}
    faulty = servers.start({**env, "WITHOUT_ACCESS": model}, module="tests.walls.without_access")
    try:
        await faulty.wait_ready()
        await _find(model, faulty, sql, tenants)
    finally:
        faulty.stop()


async def test_a_field_that_nobody_has_thought_of_is_found(api: Api, tenants: tuple[Tenant, Tenant]) -> None:
    """A query that does nothing with its id; a mutation and a subscription without a sample."""
    schema = extend_schema(await introspected(api), parse(FORGOTTEN))
    queries = Queries(schema, *tenants)
    queries.slots = [slot for slot in queries.slots if slot.field == "forgotten"]
    assert [problem.partition(":")[0] async for problem in queries.walk()] == ["Query.forgotten(taskId)"]
    places = [str(slot) for slot in Mutations(schema).without_sample(tenants[0])]
    assert places == ["Mutation.forgotten(input.deep.labelIds)"]
    places = [str(slot) for slot in Subscriptions(schema, *tenants).without_sample()]
    assert places == ["Subscription.forgotten(id)"]


async def _find(model: str, faulty: Server, sql: asyncpg.Pool, tenants: tuple[Tenant, Tenant]) -> None:
    api = Api(faulty.url)
    schema = await introspected(api)
    tenant, outsider = [one.through(api) for one in tenants]
    assert await _any(Queries(schema, tenant, outsider).walk())
    if model in ALSO_BY_SUBSCRIPTIONS:
        async with open_socket(faulty.websocket_url, token=outsider.owner.token) as socket:
            assert await _any(Subscriptions(schema, tenant, outsider).leaks(socket))
    if model in ALSO_BY_MUTATIONS:
        fresh = await make_tenant(api, sql)
        assert await _any(Mutations(schema).leaks(fresh, outsider))
    await api.close()


async def _any(problems: AsyncIterator[str]) -> bool:
    """Whether there are any, an answer that is no civil one included: what is not to be seen may not fit."""
    try:
        async for _ in problems:
            return True
    except AssertionError:
        return True
    return False
