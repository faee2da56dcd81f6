"""What a small document may not grow into."""

import asyncio
import gc
from collections.abc import Callable
from contextlib import suppress

import asyncpg
from graphql import OperationDefinitionNode, parse

from app.engine.engine import NotAnswered
from app.graphql.schema import build_schema
from app.models.ids import new_id
from tests.conftest import StartServer
from tests.harness.client import Api
from tests.harness.people import Person
from tests.harness.refusals import assert_civil
from tests.harness.server import Server

FILL_PROJECT = """
INSERT INTO tasks (id, workspace_id, project_id, number, title, status_id, priority, rank)
SELECT gen_random_uuid(), project.workspace_id, project.id, 1000 + n, 'Task', status.id, 0, 'b' || n
FROM projects project, generate_series(1, 100) n,
    LATERAL (SELECT id FROM statuses WHERE project_id = project.id LIMIT 1) status
WHERE project.id = $1
"""


async def test_an_answer_that_repeats_the_same_rows_is_counted_as_often(
    person: Person, sql: asyncpg.Pool, start_server: StartServer, api_of: Callable[[Server], Api]
) -> None:
    api = api_of(await start_server(MAX_COST="0"))
    await sql.execute(FILL_PROJECT, person.project_id)
    inner = "tasks(first: 100) { nodes { id } }"
    twice = f"{{ tasks(first: 100) {{ nodes {{ project {{ {inner} }} }} }} }}"
    thrice = f"{{ tasks(first: 100) {{ nodes {{ project {{ {twice[1:-1]} }} }} }} }}"

    small, large = await person.run(twice, api=api), await person.run(thrice, api=api)

    assert sum(len(node["project"]["tasks"]["nodes"]) for node in small.data["tasks"]["nodes"]) == 10_000
    assert_civil(large)
    assert large.error["extensions"]["code"] == "BAD_USER_INPUT"
    assert "50,000 objects" in large.error["message"]


async def test_every_item_of_a_filter_counts(person: Person) -> None:
    document = "query ($filter: TaskFilter) { tasks(filter: $filter) { totalCount } }"

    answer = await person.run(document, {"filter": {"or": [{"priority": {"eq": "HIGH"}}] * 101}})

    assert_civil(answer)
    assert answer.error["extensions"] == {
        "code": "BAD_USER_INPUT",
        "argument": "filter",
        "requestId": answer.error["extensions"]["requestId"],
    }


async def test_an_id_of_two_kinds_finds_the_same_one_both_ways(person: Person) -> None:
    shared = str(new_id())
    await person.task("Shared", id=shared)
    create = "mutation ($input: LabelCreateInput!) { labelCreate(input: $input) { userErrors { message } } }"
    await person.create(
        create, {"input": {"id": shared, "name": "Shared", "workspaceId": person.workspace_id}}
    )

    by_engine = await person.run("query ($id: ID!) { node(id: $id) { __typename id } }", {"id": shared})
    by_core = await person.run(
        "query ($id: ID!) { node(id: $id) { __typename id } __schema { __typename } }", {"id": shared}
    )

    assert by_engine.data["node"] == by_core.data["node"]


async def test_documents_left_to_graphql_core_leave_nothing_behind() -> None:
    engine = build_schema().engine
    document = parse("{ __schema { __typename } viewer { id } }")
    [operation] = document.definitions
    assert isinstance(operation, OperationDefinitionNode)

    lengths = []
    for _ in range(3):
        try:
            await engine.answer(document, operation, None, None)  # type: ignore[arg-type]
        except NotAnswered as error:
            cause, length = error.__cause__, 0
            traceback = cause.__traceback__ if cause else None
            while traceback is not None:
                traceback, length = traceback.tb_next, length + 1
            lengths.append(length)

    assert len(lengths) == 3
    assert len(set(lengths)) == 1


async def test_plans_go_with_their_document() -> None:
    engine = build_schema().engine
    before = len(engine._operations)
    document = parse("{ __schema { __typename } viewer { name } }")
    [operation] = document.definitions
    assert isinstance(operation, OperationDefinitionNode)
    with suppress(NotAnswered):
        await engine.answer(document, operation, None, None)  # type: ignore[arg-type]
    assert len(engine._operations) == before + 1

    del document, operation
    gc.collect()
    await asyncio.sleep(0)

    assert len(engine._operations) == before
