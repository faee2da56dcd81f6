"""Tenant walls: ids of another tenant in every argument of every query that takes one."""

import asyncpg
import pytest

from tests.harness.client import Api
from tests.walls.answers import shown, stripped
from tests.walls.documents import introspected
from tests.walls.queries import Queries
from tests.walls.tenants import Tenant, contents, make_tenant


@pytest.fixture(scope="module")
async def tenant(api: Api, sql: asyncpg.Pool) -> Tenant:
    return await make_tenant(api, sql)


@pytest.fixture(scope="module")
async def outsider(api: Api, sql: asyncpg.Pool) -> Tenant:
    return await make_tenant(api, sql)


@pytest.fixture(scope="module")
async def queries(api: Api, tenant: Tenant, outsider: Tenant) -> Queries:
    return Queries(await introspected(api), tenant, outsider)


async def test_an_id_of_others_answers_like_an_unknown_one(queries: Queries, sql: asyncpg.Pool) -> None:
    assert len(queries.slots) > 50
    before = await contents(sql)
    assert [problem async for problem in queries.walk()] == []
    assert await contents(sql) == before


async def test_lists_hold_nothing_of_others(queries: Queries, tenant: Tenant, outsider: Tenant) -> None:
    fields = [name async for name, _ in queries.lists(tenant.owner)]
    assert {"viewer", "workspaces", "projects", "tasks"} <= set(fields)
    async for name, answer in queries.lists(outsider.owner):
        text = stripped(answer.body)
        assert shown(text, tenant.all_ids()) == [], name
        assert shown(text, outsider.all_ids()), name
