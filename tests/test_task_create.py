import asyncio

import asyncpg
import pytest

from app.models.ids import new_id
from tests.harness.client import Json
from tests.harness.people import Person
from tests.harness.refusals import BAD_IDS
from tests.harness.verbs import done, event_count, events_of, fault, send


async def test_a_task_with_every_field(person: Person, sql: asyncpg.Pool) -> None:
    label = (await done(person, "labelCreate", input={"projectId": person.project_id, "name": "bug"}))[
        "label"
    ]
    parent = await person.task("Parent")
    own = str(new_id())
    given = {
        "id": own,
        "projectId": person.project_id,
        "title": "  Water the plants  ",
        "description": "Twice.\n\nNot more.",
        "priority": "HIGH",
        "assigneeId": person.id,
        "labelIds": [label["id"], label["id"]],
        "parentId": parent["id"],
        "dueDate": "2026-02-28",
        "estimate": 2.5,
    }
    payload = await done(person, "taskCreate", input=given)
    task = payload["task"]
    assert task["id"] == own
    assert task["title"] == "Water the plants"
    assert task["description"] == "Twice.\n\nNot more."
    assert (task["priority"], task["dueDate"], task["estimate"]) == ("HIGH", "2026-02-28", 2.5)
    assert task["assignee"] == task["creator"] == {"id": person.id}
    assert task["parent"] == {"id": parent["id"]}
    assert [each["name"] for each in task["labels"]["nodes"]] == ["bug"]
    assert task["status"]["type"] == "UNSTARTED"
    assert (task["number"], task["version"]) == (parent["number"] + 1, 1)
    assert task["rank"] > parent["rank"]

    [event] = await events_of(sql, own)
    assert (event["type"], event["entity_type"], event["entity_version"]) == ("task.created", "task", 1)
    assert str(event["seq"]) == payload["syncSeq"]
    assert str(event["project_id"]) == person.project_id
    assert str(event["task_id"]) == own
    assert str(event["actor_id"]) == person.id


async def test_the_status_decides_the_times(person: Person) -> None:
    project = await person.project()
    expected = {"Backlog": (False, False), "In Progress": (True, False), "Done": (False, True)}
    for name, (started, completed) in expected.items():
        task = (
            await done(
                person,
                "taskCreate",
                input={"projectId": project["id"], "title": "x", "statusId": project["statuses"][name]["id"]},
            )
        )["task"]
        assert (task["startedAt"] is not None, task["completedAt"] is not None) == (started, completed)


async def test_numbers_have_no_gap_and_ranks_no_double_under_concurrency(
    person: Person, sql: asyncpg.Pool
) -> None:
    project = await person.project()

    async def create(number: int) -> Json:
        # Every fifth is refused after its number was taken.
        parent = {"parentId": str(new_id())} if number % 5 == 0 else {}
        given = {"projectId": project["id"], "title": f"Task {number}", **parent}
        return await send(person, "taskCreate", input=given)

    payloads = await asyncio.gather(*(create(number) for number in range(60)))
    made = [payload["task"] for payload in payloads if not payload["userErrors"]]
    assert sorted(task["number"] for task in made) == list(range(1, 49))
    in_order = sorted(made, key=lambda task: task["number"])
    assert [task["rank"] for task in in_order] == sorted({task["rank"] for task in made})
    last = await sql.fetchval("SELECT last_task_number FROM projects WHERE id = $1", project["id"])
    assert last == 48


async def test_an_id_can_be_taken_once(person: Person, stranger: Person, sql: asyncpg.Pool) -> None:
    task = await person.task()
    before = await event_count(sql, person.workspace_id)
    for somebody in (person, stranger):
        given = {"id": task["id"], "projectId": somebody.project_id, "title": "Another"}
        code, field, _ = await fault(somebody, "taskCreate", input=given)
        assert (code, field) == ("ID_TAKEN", ["input", "id"])
    assert await event_count(sql, person.workspace_id) == before
    # The id of another kind of object is free.
    given = {"id": person.project_id, "projectId": person.project_id, "title": "Fine"}
    assert (await done(person, "taskCreate", input=given))["task"]["id"] == person.project_id


@pytest.mark.parametrize("own", ["", "x", "0190A000-0000-7000-8000-000000000000", "a" * 5000])
async def test_an_id_of_ones_own_must_be_a_uuid7(person: Person, own: str) -> None:
    code, field, message = await fault(
        person, "taskCreate", input={"id": own, "projectId": person.project_id, "title": "x"}
    )
    assert (code, field) == ("INVALID", ["input", "id"])
    assert "UUIDv7" in message


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("title", "", "1 to 500"),
        ("title", " \u2003 ", "1 to 500"),
        ("title", "x" * 501, "1 to 500"),
        ("title", "a\0b", "U+0000"),
        ("title", "two\nlines", "U+000A"),
        ("title", "bell\a", "U+0007"),
        ("description", "null\0byte", "U+0000"),
        ("description", "x" * 100_001, "1 to 100,000"),
        ("estimate", -1, "between 0 and 1,000,000"),
        ("estimate", 1_000_001, "between 0 and 1,000,000"),
        ("dueDate", "1899-12-31", "1900-01-01 to 9999-12-30"),
        ("dueDate", "9999-12-31", "1900-01-01 to 9999-12-30"),
        ("labelIds", [str(new_id()) for _ in range(51)], "at most 50"),
    ],
)
async def test_values_out_of_bounds(
    person: Person, sql: asyncpg.Pool, field: str, value: object, says: str
) -> None:
    before = await event_count(sql, person.workspace_id)
    given = {"projectId": person.project_id, "title": "x", field: value}
    code, path, message = await fault(person, "taskCreate", input=given)
    assert (code, path) == ("INVALID", ["input", field])
    assert says in message
    assert await event_count(sql, person.workspace_id) == before


async def test_titles_are_counted_in_characters(person: Person) -> None:
    title = "🌱" * 500
    assert (await person.task(title))["title"] == title


async def test_half_a_surrogate_pair_is_refused(person: Person) -> None:
    body = (
        '{"query": "mutation ($input: TaskCreateInput!) { taskCreate(input: $input) {'
        ' task { id } userErrors { code field } } }", "variables": {"input": {"projectId": "'
        + person.project_id
        + '", "title": "a\\ud800b"}}}'
    )
    headers = {"authorization": f"Bearer {person.token}", "content-type": "application/json"}
    response = await person.api.http.post("/graphql", content=body, headers=headers)
    assert response.status_code < 500, response.text


@pytest.mark.parametrize("field", ["projectId", "statusId", "assigneeId", "parentId", "labelIds"])
async def test_references_that_are_not_there(person: Person, stranger: Person, field: str) -> None:
    theirs = {
        "projectId": stranger.project_id,
        "statusId": (await stranger.task())["status"]["id"],
        "assigneeId": stranger.id,
        "parentId": (await stranger.task())["id"],
        "labelIds": (
            await done(stranger, "labelCreate", input={"projectId": stranger.project_id, "name": "theirs"})
        )["label"]["id"],
    }
    answers = set()
    for one in (*BAD_IDS, theirs[field]):
        value = [one] if field == "labelIds" else one
        given = {"projectId": person.project_id, "title": "x", field: value}
        answers.add(repr(await fault(person, "taskCreate", input=given)))
    assert len(answers) == 1  # a stranger's id answers exactly as one that means nothing
    assert "NOT_FOUND" in answers.pop()


async def test_only_labels_of_the_workspace_or_the_project(person: Person) -> None:
    other = await person.project()
    foreign = (await done(person, "labelCreate", input={"projectId": other["id"], "name": "foreign"}))[
        "label"
    ]
    shared = (await done(person, "labelCreate", input={"workspaceId": person.workspace_id, "name": "all"}))[
        "label"
    ]
    code, field, _ = await fault(
        person,
        "taskCreate",
        input={"projectId": person.project_id, "title": "x", "labelIds": [shared["id"], foreign["id"]]},
    )
    assert (code, field) == ("NOT_FOUND", ["input", "labelIds"])
    given = {"projectId": person.project_id, "title": "x", "labelIds": [shared["id"]]}
    await done(person, "taskCreate", input=given)


async def test_a_parent_is_in_the_same_project_and_not_in_the_trash(person: Person) -> None:
    elsewhere = await person.task(project_id=(await person.project())["id"])
    trashed = await person.task()
    await done(person, "taskDelete", id=trashed["id"])
    for parent in (elsewhere, trashed):
        given = {"projectId": person.project_id, "title": "x", "parentId": parent["id"]}
        code, field, _ = await fault(person, "taskCreate", input=given)
        assert (code, field) == ("INVALID", ["input", "parentId"])


async def test_guests_create_nothing(person: Person, stranger: Person, sql: asyncpg.Pool) -> None:
    await person.add_member(stranger, "GUEST")
    before = await event_count(sql, person.workspace_id)
    task = await person.task()
    code, _, _ = await fault(stranger, "taskCreate", input={"projectId": person.project_id, "title": "x"})
    assert code == "FORBIDDEN"
    for name in ("labelCreate", "commentCreate"):
        given = (
            {"projectId": person.project_id, "name": "x"}
            if name == "labelCreate"
            else {"taskId": task["id"], "body": "x"}
        )
        assert (await fault(stranger, name, input=given))[0] == "FORBIDDEN"
    for name in ("taskComplete", "taskReopen", "taskArchive", "taskUnarchive", "taskDelete", "taskRestore"):
        assert (await fault(stranger, name, id=task["id"]))[0] == "FORBIDDEN"
    assert (await fault(stranger, "taskUpdate", id=task["id"], input={"title": "y"}))[0] == "FORBIDDEN"
    assert (await fault(stranger, "taskMove", id=task["id"], beforeId=task["id"]))[0] == "FORBIDDEN"
    assert await event_count(sql, person.workspace_id) == before + 1
    assert (await person.task())["number"] == task["number"] + 1
