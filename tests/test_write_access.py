"""What the viewer may not see answers as what does not exist, and stays as it is."""

import asyncpg
import pytest

from tests.harness.people import Person
from tests.harness.refusals import BAD_IDS
from tests.harness.verbs import TASK, document, done, event_count, fault

BY_ID = (
    "taskUpdate",
    "taskMove",
    "taskComplete",
    "taskReopen",
    "taskArchive",
    "taskUnarchive",
    "taskDelete",
    "taskRestore",
    "taskRelationDelete",
)


@pytest.mark.parametrize("verb", BY_ID)
async def test_a_strangers_id_answers_as_an_unknown_one(
    person: Person, stranger: Person, sql: asyncpg.Pool, verb: str
) -> None:
    one, other = await stranger.task("Theirs"), await stranger.task()
    given = {"taskId": one["id"], "relatedTaskId": other["id"], "type": "BLOCKS"}
    relation = (await done(stranger, "taskRelationCreate", input=given))["taskRelation"]
    theirs = relation["id"] if verb == "taskRelationDelete" else one["id"]
    arguments: dict[str, object] = {}
    if verb == "taskUpdate":
        arguments = {"input": {"title": "Mine", "parentId": (await person.task())["id"]}}
    elif verb == "taskMove":
        arguments = {"afterId": other["id"]}
    before = await event_count(sql, stranger.workspace_id)
    row = await sql.fetchrow("SELECT * FROM tasks WHERE id = $1", one["id"])
    answers = {await told(person, verb, bad, arguments) for bad in (*BAD_IDS, theirs)}
    assert len(answers) == 1
    assert answers.pop()[:2] == ("NOT_FOUND", "id")
    assert await event_count(sql, stranger.workspace_id) == before
    assert await sql.fetchrow("SELECT * FROM tasks WHERE id = $1", one["id"]) == row


async def told(person: Person, verb: str, id: str, arguments: dict[str, object]) -> tuple[str, str, str]:
    code, field, message = await fault(person, verb, id=id, **arguments)
    return code, ".".join(field or []), message


async def test_an_expected_version_tells_nothing_of_what_is_hidden(person: Person, stranger: Person) -> None:
    task = await stranger.task()
    code, *_ = await fault(person, "taskUpdate", id=task["id"], input={"title": "x"}, expectedVersion=7)
    assert code == "NOT_FOUND"


async def test_guests_are_told_so_before_any_conflict(person: Person, stranger: Person) -> None:
    await person.add_member(stranger, "GUEST")
    task = await person.task()
    code, *_ = await fault(stranger, "taskUpdate", id=task["id"], input={"title": "x"}, expectedVersion=7)
    assert code == "FORBIDDEN"


@pytest.mark.parametrize("token", [None, "nonsense"])
async def test_without_a_valid_token(person: Person, token: str | None) -> None:
    arguments = {"input": {"projectId": person.project_id, "title": "x"}}
    answer = await person.api.run(document("taskCreate", arguments), arguments, token=token)
    assert answer.code == "UNAUTHENTICATED"


async def test_a_removed_member_writes_no_more(person: Person, stranger: Person) -> None:
    member = await person.add_member(stranger)
    task = await person.task()
    await done(stranger, "taskUpdate", id=task["id"], input={"title": "Together"})
    remove = "mutation ($id: ID!) { memberRemove(id: $id) { userErrors { code } } }"
    await person.create(remove, {"id": member["id"]})
    code, *_ = await fault(stranger, "taskUpdate", id=task["id"], input={"title": "Alone"})
    assert code == "NOT_FOUND"
    shown = await person.run(f"query ($id: ID!) {{ task(id: $id) {{ {TASK} }} }}", {"id": task["id"]})
    assert shown.data["task"]["title"] == "Together"
