"""The feed of a workspace's log: gapless, in order, with its epoch, up to 1,000 events at a time."""

import asyncio
from uuid import uuid4

import asyncpg
import pytest

from tests.harness.client import Json
from tests.harness.people import Person
from tests.harness.refusals import refused

CHANGES = """
query ($id: ID!, $after: BigInt!, $epoch: ID, $first: Int = 200) {
  changes(workspaceId: $id, after: $after, epoch: $epoch, first: $first) {
    seq epoch hasMore resync
    events { id seq type entityType entityId entityVersion actor { id } at batchId
      changes { field before after } task { id title } }
  }
}"""
POSITION = "query ($id: ID!) { workspace(id: $id) { syncSeq syncEpoch } }"


async def _changes(person: Person, after: object = 0, **variables: object) -> Json:
    answer = await person.run(CHANGES, {"id": person.workspace_id, "after": after, **variables})
    page: Json = answer.data["changes"]
    return page


async def _position(person: Person) -> Json:
    workspace: Json = (await person.run(POSITION, {"id": person.workspace_id})).data["workspace"]
    return workspace


async def test_the_feed_is_the_log(person: Person, sql: asyncpg.Pool) -> None:
    tasks = await asyncio.gather(*(person.task(f"Task {number}") for number in range(12)))
    page = await _changes(person)
    rows = await sql.fetch("SELECT * FROM events WHERE workspace_id = $1 ORDER BY seq", person.workspace_id)
    assert [event["seq"] for event in page["events"]] == [str(number) for number in range(1, len(rows) + 1)]
    assert [event["id"] for event in page["events"]] == [str(row["id"]) for row in rows]
    assert [event["type"] for event in page["events"]][-12:] == ["task.created"] * 12
    assert {event["entityId"] for event in page["events"][-12:]} == {task["id"] for task in tasks}
    assert (page["hasMore"], page["resync"]) == (False, None)
    position = await _position(person)
    assert (page["seq"], page["epoch"]) == (position["syncSeq"], position["syncEpoch"])


@pytest.mark.parametrize("size", [1, 4, 1000])
async def test_pages_of_the_feed_join_without_a_gap(person: Person, size: int) -> None:
    for number in range(9):
        await person.task(f"Task {number}")
    seqs: list[int] = []
    after, epoch = "0", None
    while True:
        page = await _changes(person, after, epoch=epoch, first=size)
        seqs += [int(event["seq"]) for event in page["events"]]
        assert seqs == list(range(1, len(seqs) + 1))
        assert page["seq"] == (page["events"][-1]["seq"] if page["events"] else after)
        after, epoch = page["seq"], page["epoch"]
        if not page["hasMore"]:
            break
        assert len(page["events"]) == size
    assert seqs == list(range(1, int((await _position(person))["syncSeq"]) + 1))


async def test_a_thousand_events_in_one_answer(person: Person, sql: asyncpg.Pool) -> None:
    last = int((await _position(person))["syncSeq"])
    await sql.execute(
        """
        WITH counter AS (
          UPDATE workspace_counters SET seq = seq + 1100 WHERE workspace_id = $1 RETURNING seq - 1100 AS seq)
        INSERT INTO events (id, workspace_id, seq, type, entity_type, entity_id, changes, created_at)
        SELECT gen_random_uuid(), $1, counter.seq + number, 'task.updated', 'task', $2, '[]', now()
        FROM counter, generate_series(1, 1100) number
        """,
        person.workspace_id,
        uuid4(),
    )
    page = await _changes(person, last, first=1000)
    assert [int(event["seq"]) for event in page["events"]] == list(range(last + 1, last + 1001))
    assert page["hasMore"] is True
    rest = await _changes(person, page["seq"], first=1000)
    assert (len(rest["events"]), rest["hasMore"]) == (100, False)
    without_size = """query ($id: ID!, $after: BigInt!) {
      changes(workspaceId: $id, after: $after) { events { seq } hasMore } }"""
    answer = await person.run(without_size, {"id": person.workspace_id, "after": str(last)})
    assert len(answer.data["changes"]["events"]) == 200


async def test_what_changed_with_before_and_after(person: Person) -> None:
    task = await person.task("Old")
    after = (await _position(person))["syncSeq"]
    update = """mutation ($id: ID!, $input: TaskUpdateInput!) {
      taskUpdate(id: $id, input: $input) { syncSeq userErrors { message } } }"""
    changed = {"title": "New", "priority": "HIGH", "dueDate": "2026-05-17"}
    payload = await person.create(update, {"id": task["id"], "input": changed})
    [event] = (await _changes(person, after))["events"]
    assert (event["type"], event["entityType"], event["entityId"]) == ("task.updated", "task", task["id"])
    assert (event["entityVersion"], event["actor"]["id"]) == (task["version"] + 1, person.id)
    assert event["seq"] == payload["syncSeq"]
    assert event["task"] == {"id": task["id"], "title": "New"}
    values = {change["field"]: (change["before"], change["after"]) for change in event["changes"]}
    assert values == {"title": ("Old", "New"), "priority": ("NONE", "HIGH"), "dueDate": (None, "2026-05-17")}


async def test_a_write_that_changes_nothing_leaves_no_event(person: Person) -> None:
    task = await person.task("Same")
    after = (await _position(person))["syncSeq"]
    update = """mutation ($id: ID!) {
      taskUpdate(id: $id, input: { title: "Same" }) { syncSeq task { version } userErrors { message } } }"""
    payload = await person.create(update, {"id": task["id"]})
    assert payload == {"syncSeq": None, "task": {"version": task["version"]}, "userErrors": []}
    assert (await _changes(person, after))["events"] == []


async def test_an_empty_page_keeps_the_position(person: Person) -> None:
    position = await _position(person)
    page = await _changes(person, position["syncSeq"], epoch=position["syncEpoch"])
    assert page == {
        "seq": position["syncSeq"],
        "epoch": position["syncEpoch"],
        "hasMore": False,
        "resync": None,
        "events": [],
    }


@pytest.mark.parametrize("epoch", ["", "x", "0190a000-0000-7000-8000-000000000000"])
async def test_another_epoch_asks_for_a_new_start(person: Person, epoch: str) -> None:
    position = await _position(person)
    page = await _changes(person, 0, epoch=epoch)
    assert (page["resync"], page["events"], page["hasMore"]) == ("EPOCH_CHANGED", [], False)
    assert (page["seq"], page["epoch"]) == (position["syncSeq"], position["syncEpoch"])


async def test_a_position_beyond_the_log_asks_for_a_new_start(person: Person) -> None:
    position = await _position(person)
    for after in (int(position["syncSeq"]) + 1, 2**63 - 1):
        page = await _changes(person, str(after), epoch=position["syncEpoch"])
        assert (page["resync"], page["events"]) == ("AHEAD_OF_LOG", [])
        assert page["seq"] == position["syncSeq"]


async def test_positions_are_strings_or_numbers(person: Person) -> None:
    await person.task()
    assert await _changes(person, 1) == await _changes(person, "1")
    literal = f'{{ changes(workspaceId: "{person.workspace_id}", after: 1) {{ seq }} }}'
    assert (await person.run(literal)).data == (await person.run(literal.replace("1)", '"1")'))).data


async def test_the_log_of_another_tenant_does_not_exist(person: Person, stranger: Person) -> None:
    messages = set()
    for workspace_id in (stranger.workspace_id, "0190a000-0000-7000-8000-000000000000", "x", "", "\0"):
        answer = await person.run(CHANGES, {"id": workspace_id, "after": 0})
        messages.add(refused(answer, "NOT_FOUND")["message"])
    assert len(messages) == 1
