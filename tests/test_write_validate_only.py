import asyncio

import asyncpg

from tests.harness.client import Json
from tests.harness.people import WORKSPACE_CREATE, Person, unique
from tests.harness.verbs import done, fault

TABLES = (
    "tasks",
    "task_labels",
    "labels",
    "comments",
    "task_relations",
    "events",
    "event_texts",
    "workspaces",
    "memberships",
    "projects",
    "statuses",
)


async def everything(sql: asyncpg.Pool, person: Person) -> list[object]:
    """All rows of the person's workspace, its counter and the person's keys, by their contents."""
    hashes: list[object] = []
    for table in TABLES:
        column = "id" if table == "workspaces" else "workspace_id"
        hashes.append(
            await sql.fetchval(
                f"SELECT md5(string_agg(t::text, '' ORDER BY t.id)) FROM {table} t WHERE {column} = $1",
                person.workspace_id,
            )
        )
    hashes.append(
        await sql.fetchval("SELECT seq FROM workspace_counters WHERE workspace_id = $1", person.workspace_id)
    )
    hashes.append(await sql.fetchval("SELECT count(*) FROM idempotency_keys WHERE user_id = $1", person.id))
    hashes.append(await sql.fetchval("SELECT count(*) FROM memberships WHERE user_id = $1", person.id))
    return hashes


async def test_the_answer_is_as_it_would_be_and_nothing_stays(person: Person, sql: asyncpg.Pool) -> None:
    label = (await done(person, "labelCreate", input={"projectId": person.project_id, "name": "bug"}))[
        "label"
    ]
    task = await person.task("Real", labelIds=[label["id"]])
    other = await person.task("Other")
    before = await everything(sql, person)
    key = unique("key")

    given = {
        "projectId": person.project_id,
        "title": "Would be",
        "labelIds": [label["id"]],
        "description": "x" * 5000,
    }
    would_be = await done(person, "taskCreate", input=given, validateOnly=True, idempotencyKey=key)
    assert would_be["syncSeq"] is None
    assert would_be["task"]["number"] == 3
    assert (would_be["task"]["version"], would_be["task"]["status"]["type"]) == (1, "UNSTARTED")
    assert [each["name"] for each in would_be["task"]["labels"]["nodes"]] == ["bug"]

    renamed = await done(
        person, "taskUpdate", id=task["id"], input={"title": "New", "labelIds": []}, validateOnly=True
    )
    assert (renamed["task"]["title"], renamed["task"]["version"], renamed["syncSeq"]) == ("New", 2, None)
    assert renamed["task"]["labels"]["nodes"] == []
    moved = await done(person, "taskMove", id=other["id"], beforeId=task["id"], validateOnly=True)
    assert moved["task"]["rank"] < task["rank"]
    assert (await done(person, "taskComplete", id=task["id"], validateOnly=True))["task"]["completedAt"]
    assert (await done(person, "taskDelete", id=task["id"], validateOnly=True))["task"]["deletedAt"]
    comment = {"taskId": task["id"], "body": "x"}
    assert (await done(person, "commentCreate", input=comment, validateOnly=True))["comment"]["body"] == "x"
    relation = {"taskId": task["id"], "relatedTaskId": other["id"], "type": "BLOCKS"}
    assert (await done(person, "taskRelationCreate", input=relation, validateOnly=True))["taskRelation"]

    assert await everything(sql, person) == before
    real = await done(person, "taskCreate", input=given, idempotencyKey=key)
    assert real["task"]["number"] == 3
    assert real["syncSeq"] is not None


async def test_errors_are_the_same(person: Person, sql: asyncpg.Pool) -> None:
    before = await everything(sql, person)
    given = {"projectId": person.project_id, "title": ""}
    assert (await fault(person, "taskCreate", input=given, validateOnly=True))[0] == "INVALID"
    assert (await fault(person, "taskComplete", id="x", validateOnly=True))[0] == "NOT_FOUND"
    assert await everything(sql, person) == before


async def test_a_later_field_of_the_document_does_not_see_it(person: Person) -> None:
    task = await person.task("Real")
    document = """
    mutation ($id: ID!) {
      dry: taskUpdate(id: $id, input: {title: "Dry"}, validateOnly: true) { task { title version } }
      wet: taskUpdate(id: $id, input: {priority: HIGH}) { task { title priority version } syncSeq }
    }"""
    data = (await person.run(document, {"id": task["id"]})).data
    assert data["dry"]["task"] == {"title": "Dry", "version": 2}
    assert data["wet"]["task"] == {"title": "Real", "priority": "HIGH", "version": 2}


async def test_a_workspace_that_would_be_is_shown(person: Person, sql: asyncpg.Pool) -> None:
    """What only exists in the open transaction is read for whom the viewer would be."""
    before = await everything(sql, person)
    slug = unique("would")
    document = WORKSPACE_CREATE.replace("input: $input", "input: $input, validateOnly: true")
    payload: Json = await person.create(document, {"input": {"slug": slug, "name": "Would be"}})
    assert payload["workspace"]["slug"] == slug
    assert await everything(sql, person) == before
    assert await sql.fetchval("SELECT count(*) FROM workspaces WHERE slug = $1", slug) == 0
    assert (await person.workspace(slug=slug))["slug"] == slug


async def test_many_at_once_leave_the_pool_as_it_was(person: Person, sql: asyncpg.Pool) -> None:
    before = await everything(sql, person)
    given = {"projectId": person.project_id, "title": "Would be"}
    payloads = await asyncio.gather(
        *(done(person, "taskCreate", input=given, validateOnly=True) for _ in range(60))
    )
    assert {payload["task"]["number"] for payload in payloads} == {1}
    assert await everything(sql, person) == before
    idle = await sql.fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND state = 'idle in transaction' AND state_change < now() - interval '1 second'"
    )
    assert idle == 0


async def test_a_key_that_was_used_shows_what_it_did(person: Person, sql: asyncpg.Pool) -> None:
    key = unique("key")
    given = {"projectId": person.project_id, "title": "Real"}
    real = await done(person, "taskCreate", input=given, idempotencyKey=key)
    before = await everything(sql, person)
    again = await done(person, "taskCreate", input=given, idempotencyKey=key, validateOnly=True)
    assert (again["task"], again["syncSeq"]) == (real["task"], None)
    assert await everything(sql, person) == before
