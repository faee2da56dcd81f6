import asyncio
import hashlib
import json

import asyncpg
import pytest

from tests.harness.client import Json
from tests.harness.people import Person
from tests.harness.verbs import done, event_count, events_of, fault, send


async def label(person: Person, name: str) -> str:
    given = {"projectId": person.project_id, "name": name}
    return str((await done(person, "labelCreate", input=given))["label"]["id"])


async def names(person: Person, id: str, **input: object) -> list[str]:
    task = (await done(person, "taskUpdate", id=id, input=input))["task"]
    return [each["name"] for each in task["labels"]["nodes"]]


async def test_omitted_stays_and_null_clears(person: Person, sql: asyncpg.Pool) -> None:
    task = await person.task(
        description="d", priority="URGENT", assigneeId=person.id, dueDate="2026-01-01", estimate=3
    )
    changed = (await done(person, "taskUpdate", id=task["id"], input={"title": "New"}))["task"]
    assert (changed["title"], changed["description"], changed["priority"]) == ("New", "d", "URGENT")
    assert (changed["version"], changed["updatedAt"] > task.get("updatedAt", "")) == (2, True)
    cleared = (
        await done(
            person,
            "taskUpdate",
            id=task["id"],
            input=dict.fromkeys(("description", "priority", "assigneeId", "dueDate", "estimate"), None),
        )
    )["task"]
    for field in ("description", "assignee", "dueDate", "estimate"):
        assert cleared[field] is None
    assert cleared["priority"] == "NONE"
    events = await events_of(sql, task["id"])
    assert [(event["type"], event["entity_version"]) for event in events] == [
        ("task.created", 1),
        ("task.updated", 2),
        ("task.updated", 3),
    ]


async def test_the_event_tells_each_changed_field_before_and_after(person: Person, sql: asyncpg.Pool) -> None:
    task = await person.task("Old", priority="LOW")
    given = {"title": "New", "priority": "HIGH", "description": None, "dueDate": "2026-05-06"}
    await done(person, "taskUpdate", id=task["id"], input=given)
    changes = await sql.fetchval(
        "SELECT changes::text FROM events WHERE entity_id = $1 AND entity_version = 2", task["id"]
    )
    assert sorted(json.loads(changes), key=lambda change: change["field"]) == [
        {"field": "dueDate", "before": None, "after": "2026-05-06"},
        {"field": "priority", "before": "LOW", "after": "HIGH"},
        {"field": "title", "before": "Old", "after": "New"},
    ]


async def test_a_write_that_changes_nothing(person: Person, sql: asyncpg.Pool) -> None:
    bug = await label(person, "bug")
    task = await person.task("Same", description="d", assigneeId=person.id, labelIds=[bug])
    before = await event_count(sql, person.workspace_id)
    same = {"title": " Same ", "description": "d", "assigneeId": person.id, "statusId": task["status"]["id"]}
    inputs: list[dict[str, object]] = [
        {},
        same,
        {"removeLabelIds": None},
        {"labelIds": [bug]},
        {"addLabelIds": [bug]},
        {"removeLabelIds": []},
    ]
    for given in inputs:
        payload = await done(person, "taskUpdate", id=task["id"], input=given)
        assert (payload["task"]["version"], payload["syncSeq"]) == (1, None)
    for name in ("taskUnarchive", "taskRestore", "taskReopen"):
        assert (await done(person, name, id=task["id"]))["task"]["version"] == 1
    assert await event_count(sql, person.workspace_id) == before


async def test_labels_are_set_added_and_removed(person: Person, sql: asyncpg.Pool) -> None:
    a, b, c = [await label(person, name) for name in "abc"]
    task = await person.task(labelIds=[a])
    assert await names(person, task["id"], addLabelIds=[b, a], removeLabelIds=[c]) == ["a", "b"]
    assert await names(person, task["id"], labelIds=[c, b]) == ["b", "c"]
    assert await names(person, task["id"], addLabelIds=[a], removeLabelIds=[b, c]) == ["a"]
    assert await names(person, task["id"], labelIds=None) == []
    assert len(await events_of(sql, task["id"])) == 5
    for other in ("addLabelIds", "removeLabelIds"):
        code, field, _ = await fault(person, "taskUpdate", id=task["id"], input={"labelIds": [a], other: [b]})
        assert (code, field) == ("INVALID", ["input", "labelIds"])


async def test_concurrent_label_deltas_all_stay(person: Person) -> None:
    labels = [await label(person, f"label {number}") for number in range(8)]
    task = await person.task()
    await asyncio.gather(
        *(done(person, "taskUpdate", id=task["id"], input={"addLabelIds": [one]}) for one in labels)
    )
    held = (await done(person, "taskUpdate", id=task["id"], input={}))["task"]
    assert {each["id"] for each in held["labels"]["nodes"]} == set(labels)
    assert held["version"] == 9


@pytest.mark.parametrize("field", ["title", "statusId"])
async def test_what_cannot_be_null(person: Person, field: str) -> None:
    task = await person.task()
    code, path, message = await fault(person, "taskUpdate", id=task["id"], input={field: None})
    assert (code, path) == ("INVALID", ["input", field])
    assert "null" in message


async def test_the_assignee_is_a_current_member(person: Person, stranger: Person) -> None:
    member = await person.add_member(stranger)
    task = await person.task(assigneeId=stranger.id)
    remove = "mutation ($id: ID!) { memberRemove(id: $id) { userErrors { code } } }"
    await person.create(remove, {"id": member["id"]})
    other = await person.task()
    code, field, _ = await fault(person, "taskUpdate", id=other["id"], input={"assigneeId": stranger.id})
    assert (code, field) == ("NOT_FOUND", ["input", "assigneeId"])
    # What is so already is no change, whoever has left since.
    given = {"assigneeId": stranger.id, "title": "Renamed"}
    renamed = (await done(person, "taskUpdate", id=task["id"], input=given))["task"]
    assert (renamed["title"], renamed["assignee"]) == ("Renamed", {"id": stranger.id})


async def test_no_task_is_below_itself(person: Person) -> None:
    tasks = [await person.task(f"Task {number}") for number in range(3)]
    for child, parent in ((1, 0), (2, 1)):
        given = {"parentId": tasks[parent]["id"]}
        await done(person, "taskUpdate", id=tasks[child]["id"], input=given)
    for below in tasks:
        code, field, _ = await fault(person, "taskUpdate", id=tasks[0]["id"], input={"parentId": below["id"]})
        assert (code, field) == ("INVALID", ["input", "parentId"])


async def test_two_tasks_do_not_become_each_others_parent_at_once(person: Person, sql: asyncpg.Pool) -> None:
    for _ in range(10):
        one, other = await person.task(), await person.task()

        async def put_below(child: Json, parent: Json) -> Json:
            return await send(person, "taskUpdate", id=child["id"], input={"parentId": parent["id"]})

        payloads = await asyncio.gather(put_below(one, other), put_below(other, one))
        assert sorted(len(payload["userErrors"]) for payload in payloads) == [0, 1]


async def test_tasks_in_the_trash_stay_as_they_are(person: Person, sql: asyncpg.Pool) -> None:
    task, other = await person.task(), await person.task()
    deleted = (await done(person, "taskDelete", id=task["id"]))["task"]
    assert deleted["deletedAt"] is not None
    before = await event_count(sql, person.workspace_id)
    again = (await done(person, "taskDelete", id=task["id"]))["task"]
    assert (again["deletedAt"], again["version"]) == (deleted["deletedAt"], 2)
    for name in ("taskComplete", "taskReopen", "taskArchive", "taskUnarchive"):
        assert (await fault(person, name, id=task["id"]))[0] == "INVALID"
    code, _, message = await fault(person, "taskUpdate", id=task["id"], input={"title": "x"})
    assert (code, "trash" in message) == ("INVALID", True)
    assert (await fault(person, "taskMove", id=task["id"], afterId=other["id"]))[0] == "INVALID"
    assert (await fault(person, "commentCreate", input={"taskId": task["id"], "body": "x"}))[0] == "INVALID"
    assert await event_count(sql, person.workspace_id) == before
    restored = (await done(person, "taskRestore", id=task["id"]))["task"]
    assert (restored["deletedAt"], restored["version"]) == (None, 3)


async def test_archive_and_back(person: Person, sql: asyncpg.Pool) -> None:
    task = await person.task()
    assert (await done(person, "taskArchive", id=task["id"]))["task"]["archivedAt"] is not None
    assert (await done(person, "taskUnarchive", id=task["id"]))["task"]["archivedAt"] is None
    types = [event["type"] for event in await events_of(sql, task["id"])]
    assert types == ["task.created", "task.archived", "task.unarchived"]


async def test_long_texts_are_kept_beside_the_event(person: Person, sql: asyncpg.Pool) -> None:
    short, long, longer = "s" * 4096, "ü" * 2049, "x" * 90_000
    task = await person.task(description=short)
    for text in (long, longer, "end"):
        await done(person, "taskUpdate", id=task["id"], input={"description": text})
    rows = await sql.fetch(
        "SELECT e.changes::text AS changes, t.field, t.before, t.after FROM events e"
        " LEFT JOIN event_texts t ON t.event_id = e.id WHERE e.entity_id = $1 ORDER BY e.seq",
        task["id"],
    )

    def digest(text: str) -> Json:
        encoded = text.encode()
        return {"digest": f"sha256:{hashlib.sha256(encoded).hexdigest()}", "bytes": len(encoded)}

    [created] = [c for c in json.loads(rows[0]["changes"]) if c["field"] == "description"]
    assert (created["after"], rows[0]["field"]) == (short, None)
    assert json.loads(rows[1]["changes"]) == [
        {"field": "description", "before": short, "after": digest(long)}
    ]
    assert (rows[1]["field"], rows[1]["before"], rows[1]["after"]) == ("description", None, long)
    assert json.loads(rows[2]["changes"]) == [
        {"field": "description", "before": digest(long), "after": digest(longer)}
    ]
    assert (rows[2]["before"], rows[2]["after"]) == (long, longer)
    assert (rows[3]["before"], rows[3]["after"]) == (longer, None)
