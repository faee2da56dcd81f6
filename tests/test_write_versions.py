import asyncio

import asyncpg

from tests.harness.people import Person
from tests.harness.verbs import done, event_count, events_of, send


async def test_the_expected_version(person: Person) -> None:
    task = await person.task("One")
    changed = await done(person, "taskUpdate", id=task["id"], input={"title": "Two"}, expectedVersion=1)
    assert changed["task"]["version"] == 2


async def test_the_same_field_conflicts_and_shows_the_current_object(
    person: Person, sql: asyncpg.Pool
) -> None:
    task = await person.task("One")
    await done(person, "taskUpdate", id=task["id"], input={"title": "Two"})
    before = await event_count(sql, person.workspace_id)
    payload = await send(person, "taskUpdate", id=task["id"], input={"title": "Mine"}, expectedVersion=1)
    [error] = payload["userErrors"]
    assert (error["code"], error["field"]) == ("VERSION_CONFLICT", ["expectedVersion"])
    assert "title" in error["message"]
    assert (payload["task"]["title"], payload["task"]["version"]) == ("Two", 2)
    assert payload["syncSeq"] is None
    assert await event_count(sql, person.workspace_id) == before


async def test_other_fields_merge(person: Person, sql: asyncpg.Pool) -> None:
    label = (await done(person, "labelCreate", input={"projectId": person.project_id, "name": "bug"}))[
        "label"
    ]
    task = await person.task("One")
    await done(person, "taskUpdate", id=task["id"], input={"title": "Two"})
    await done(person, "taskUpdate", id=task["id"], input={"dueDate": "2026-01-01"})
    for given in ({"priority": "HIGH"}, {"addLabelIds": [label["id"]]}, {"estimate": 3, "description": "d"}):
        await done(person, "taskUpdate", id=task["id"], input=given, expectedVersion=1)
    merged = (await done(person, "taskComplete", id=task["id"], expectedVersion=1))["task"]
    assert (merged["title"], merged["priority"], merged["dueDate"]) == ("Two", "HIGH", "2026-01-01")
    assert merged["version"] == 7
    versions = [event["entity_version"] for event in await events_of(sql, task["id"])]
    assert versions == list(range(1, 8))


async def test_which_verbs_meet_which_changes(person: Person) -> None:
    project = await person.project()
    first = await person.task("First", project["id"])
    status_id = project["statuses"]["In Progress"]["id"]
    cases = [
        # what somebody else did, what is done from the version before, whether that conflicts
        (("taskComplete", {}), ("taskUpdate", {"input": {"title": "x"}}), False),
        (("taskComplete", {}), ("taskUpdate", {"input": {"statusId": status_id}}), True),
        (("taskComplete", {}), ("taskMove", {"afterId": first["id"]}), False),
        (("taskComplete", {}), ("taskMove", {"statusId": status_id}), True),
        (("taskMove", {"beforeId": first["id"]}), ("taskMove", {"afterId": first["id"]}), True),
        (("taskUpdate", {"input": {"title": "x"}}), ("taskArchive", {}), False),
        (("taskArchive", {}), ("taskUnarchive", {}), True),
        (("taskUpdate", {"input": {"title": "x"}}), ("taskDelete", {}), False),
        (("taskUpdate", {"input": {"title": "x"}}), ("taskUpdate", {"input": {"title": "x"}}), True),
    ]
    for (others, other_arguments), (verb, arguments), conflicts in cases:
        task = await person.task("Task", project["id"])
        await done(person, others, id=task["id"], **other_arguments)
        payload = await send(person, verb, id=task["id"], expectedVersion=1, **arguments)
        codes = [error["code"] for error in payload["userErrors"]]
        assert codes == (["VERSION_CONFLICT"] if conflicts else []), (others, verb)


async def test_label_sets_conflict_and_deltas_never(person: Person) -> None:
    a, b = [
        (await done(person, "labelCreate", input={"projectId": person.project_id, "name": name}))["label"][
            "id"
        ]
        for name in "ab"
    ]
    task = await person.task()
    await done(person, "taskUpdate", id=task["id"], input={"addLabelIds": [a]})
    payload = await send(person, "taskUpdate", id=task["id"], input={"labelIds": [b]}, expectedVersion=1)
    assert payload["userErrors"][0]["code"] == "VERSION_CONFLICT"
    merged = await done(person, "taskUpdate", id=task["id"], input={"addLabelIds": [b]}, expectedVersion=1)
    assert {label["id"] for label in merged["task"]["labels"]["nodes"]} == {a, b}


async def test_versions_that_never_were(person: Person) -> None:
    task = await person.task()
    for version in (-1, 0, 2, 2**31 - 1):
        payload = await send(
            person, "taskUpdate", id=task["id"], input={"title": "x"}, expectedVersion=version
        )
        assert [error["code"] for error in payload["userErrors"]] == ["VERSION_CONFLICT"], version


async def test_of_many_from_one_version_one_wins(person: Person) -> None:
    task = await person.task()
    payloads = await asyncio.gather(
        *(
            send(person, "taskUpdate", id=task["id"], input={"title": f"Title {number}"}, expectedVersion=1)
            for number in range(12)
        )
    )
    assert sum(not payload["userErrors"] for payload in payloads) == 1
    # On fields of their own all of them win.
    task = await person.task()
    inputs = [
        {"title": "t"},
        {"priority": "LOW"},
        {"estimate": 1},
        {"description": "d"},
        {"dueDate": "2026-01-01"},
    ]
    payloads = await asyncio.gather(
        *(send(person, "taskUpdate", id=task["id"], input=given, expectedVersion=1) for given in inputs)
    )
    assert [payload["userErrors"] for payload in payloads] == [[]] * 5
    assert max(payload["task"]["version"] for payload in payloads) == 6
