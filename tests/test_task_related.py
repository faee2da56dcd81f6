"""Labels, comments and relations."""

import asyncio

import asyncpg
import pytest

from app.models.ids import new_id
from tests.harness.people import Person
from tests.harness.refusals import BAD_IDS
from tests.harness.verbs import done, event_count, events_of, fault, send


async def test_a_label_of_the_workspace_or_of_a_project(person: Person, sql: asyncpg.Pool) -> None:
    of_all = await done(person, "labelCreate", input={"workspaceId": person.workspace_id, "name": " Bug "})
    label = of_all["label"]
    assert (label["name"], label["project"], label["version"]) == ("Bug", None, 1)
    given = {"projectId": person.project_id, "name": "bug", "color": "#AbCdEf"}
    of_one = (await done(person, "labelCreate", input=given))["label"]
    assert (of_one["color"], of_one["project"]) == ("#abcdef", {"id": person.project_id})
    [event] = await events_of(sql, label["id"])
    assert (event["type"], str(event["seq"])) == ("label.created", of_all["syncSeq"])


@pytest.mark.parametrize("home", ["workspaceId", "projectId"])
async def test_a_labels_name_is_unique_in_any_case(person: Person, home: str) -> None:
    home_id = {"workspaceId": person.workspace_id, "projectId": person.project_id}[home]
    payloads = await asyncio.gather(
        *(send(person, "labelCreate", input={home: home_id, "name": name}) for name in ("Bug", "bug", "BUG"))
    )
    errors = [error for payload in payloads for error in payload["userErrors"]]
    assert [(error["code"], error["field"]) for error in errors] == [("TAKEN", ["input", "name"])] * 2


async def test_bad_labels(person: Person, stranger: Person) -> None:
    cases = [
        ({"name": "x"}, "INVALID", "workspaceId"),
        (
            {"name": "x", "workspaceId": person.workspace_id, "projectId": person.project_id},
            "INVALID",
            "workspaceId",
        ),
        ({"name": "", "projectId": person.project_id}, "INVALID", "name"),
        ({"name": "x" * 51, "projectId": person.project_id}, "INVALID", "name"),
        ({"name": "x", "color": "red", "projectId": person.project_id}, "INVALID", "color"),
        ({"name": "x", "color": "#12345g", "projectId": person.project_id}, "INVALID", "color"),
        ({"name": "x", "projectId": stranger.project_id}, "NOT_FOUND", "projectId"),
        ({"name": "x", "workspaceId": stranger.workspace_id}, "NOT_FOUND", "workspaceId"),
    ]
    for given, code, field in cases:
        assert (await fault(person, "labelCreate", input=given))[:2] == (code, ["input", field]), given


async def test_a_comment_and_its_answer(person: Person, stranger: Person, sql: asyncpg.Pool) -> None:
    await person.add_member(stranger)
    task = await person.task()
    own = str(new_id())
    first = await done(person, "commentCreate", input={"id": own, "taskId": task["id"], "body": "One\n\ntwo"})
    assert first["comment"]["body"] == "One\n\ntwo"
    assert (first["comment"]["id"], first["comment"]["author"]) == (own, {"id": person.id})
    given = {"taskId": task["id"], "body": "Yes", "parentId": own}
    answer = (await done(stranger, "commentCreate", input=given))["comment"]
    assert (answer["parent"], answer["author"]) == ({"id": own}, {"id": stranger.id})
    [event] = await events_of(sql, own)
    assert (event["type"], event["entity_type"], event["entity_version"]) == ("comment.created", "comment", 1)
    assert (str(event["task_id"]), str(event["project_id"])) == (task["id"], person.project_id)
    version = await sql.fetchval("SELECT version FROM tasks WHERE id = $1", task["id"])
    assert version == 1  # the task itself did not change


async def test_bad_comments(person: Person, stranger: Person) -> None:
    task, other = await person.task(), await person.task()
    elsewhere = (await done(person, "commentCreate", input={"taskId": other["id"], "body": "x"}))["comment"]
    cases = [
        ({"taskId": task["id"], "body": " \n "}, "INVALID", "body"),
        ({"taskId": task["id"], "body": "x" * 50_001}, "INVALID", "body"),
        ({"taskId": task["id"], "body": "a\0"}, "INVALID", "body"),
        ({"taskId": (await stranger.task())["id"], "body": "x"}, "NOT_FOUND", "taskId"),
        ({"taskId": task["id"], "body": "x", "parentId": elsewhere["id"]}, "INVALID", "parentId"),
        *(({"taskId": task["id"], "body": "x", "parentId": bad}, "NOT_FOUND", "parentId") for bad in BAD_IDS),
    ]
    for given, code, field in cases:
        assert (await fault(person, "commentCreate", input=given))[:2] == (code, ["input", field]), given


async def test_a_relation_comes_and_goes(person: Person, sql: asyncpg.Pool) -> None:
    one, other = await person.task(), await person.task()
    given = {"taskId": one["id"], "relatedTaskId": other["id"], "type": "BLOCKS"}
    relation = (await done(person, "taskRelationCreate", input=given))["taskRelation"]
    assert (relation["type"], relation["task"]["id"]) == ("BLOCKS", one["id"])
    assert (await fault(person, "taskRelationCreate", input=given))[0] == "TAKEN"
    gone = await done(person, "taskRelationDelete", id=relation["id"])
    assert gone["deletedTaskRelationId"] == relation["id"]
    assert (await fault(person, "taskRelationDelete", id=relation["id"]))[0] == "NOT_FOUND"
    events = await events_of(sql, relation["id"])
    assert [event["type"] for event in events] == ["task_relation.created", "task_relation.deleted"]
    assert str(events[1]["seq"]) == gone["syncSeq"]
    assert {str(event["task_id"]) for event in events} == {one["id"]}


@pytest.mark.parametrize("kind", ["BLOCKS", "DUPLICATES", "RELATES_TO"])
async def test_never_both_ways(person: Person, kind: str) -> None:
    for _ in range(5):
        one, other = await person.task(), await person.task()
        pairs = ((one, other), (other, one))
        payloads = await asyncio.gather(
            *(
                send(
                    person,
                    "taskRelationCreate",
                    input={"taskId": left["id"], "relatedTaskId": right["id"], "type": kind},
                )
                for left, right in pairs
            )
        )
        assert sorted(len(payload["userErrors"]) for payload in payloads) == [0, 1]


async def test_bad_relations(person: Person, stranger: Person, sql: asyncpg.Pool) -> None:
    task, theirs = await person.task(), await stranger.task()
    trashed = await person.task()
    await done(person, "taskDelete", id=trashed["id"])
    workspace = await person.workspace()
    project = await person.project(workspace["id"])
    elsewhere = await person.task(project_id=project["id"])
    before = await event_count(sql, person.workspace_id)
    for related, code in (
        (task, "INVALID"),
        (theirs, "NOT_FOUND"),
        (trashed, "INVALID"),
        (elsewhere, "INVALID"),
    ):
        given = {"taskId": task["id"], "relatedTaskId": related["id"], "type": "RELATES_TO"}
        found = await fault(person, "taskRelationCreate", input=given)
        assert found[:2] == (code, ["input", "relatedTaskId"])
    assert await event_count(sql, person.workspace_id) == before
