import asyncio
from typing import Any

import asyncpg
import pytest

from app.models.ids import new_id
from tests.harness.client import Json
from tests.harness.people import Person

CREATE = """
mutation ($input: ProjectCreateInput!, $key: String, $validateOnly: Boolean) {
  projectCreate(input: $input, idempotencyKey: $key, validateOnly: $validateOnly) {
    project { id key name description statuses { nodes { name type color position } } }
    syncSeq userErrors { code message field }
  }
}"""


async def create(person: Person, workspace_id: str, key: str = "ENG", **more: Any) -> Json:
    options = {name: more.pop(name) for name in ("validateOnly",) if name in more}
    if "idempotencyKey" in more:
        options["key"] = more.pop("idempotencyKey")
    given = {"workspaceId": workspace_id, "key": key, "name": "Engineering", **more}
    payload: Json = (await person.run(CREATE, {"input": given, **options})).data["projectCreate"]
    return payload


def code_of(payload: Json) -> tuple[str, list[str] | None]:
    [error] = payload["userErrors"]
    return error["code"], error["field"]


async def test_a_project_comes_with_six_statuses_and_their_events(person: Person, sql: asyncpg.Pool) -> None:
    workspace = await person.workspace()
    payload = await create(person, workspace["id"], description="What we *build*.")
    project = payload["project"]
    assert (project["key"], project["name"]) == ("ENG", "Engineering")
    assert project["description"] == "What we *build*."
    statuses = project["statuses"]["nodes"]
    assert [(status["name"], status["type"]) for status in statuses] == [
        ("Backlog", "BACKLOG"),
        ("Todo", "UNSTARTED"),
        ("In Progress", "STARTED"),
        ("In Review", "STARTED"),
        ("Done", "COMPLETED"),
        ("Canceled", "CANCELED"),
    ]
    positions = [status["position"] for status in statuses]
    assert positions == sorted(set(positions))
    assert len({status["color"] for status in statuses}) == 6
    events = await sql.fetch(
        "SELECT type, project_id::text FROM events WHERE workspace_id = $1::text::uuid AND seq > 2"
        " ORDER BY seq",
        workspace["id"],
    )
    assert [event["type"] for event in events] == ["project.created", *["status.created"] * 6]
    assert {event["project_id"] for event in events} == {project["id"]}
    assert payload["syncSeq"] == "9"


@pytest.mark.parametrize(
    ("role", "may"), [("OWNER", True), ("ADMIN", True), ("MEMBER", True), ("GUEST", False)]
)
async def test_everybody_but_guests_creates_projects(
    person: Person, stranger: Person, role: str, may: bool, sql: asyncpg.Pool
) -> None:
    workspace = await person.workspace()
    await person.add_member(stranger, role, workspace["id"])
    payload = await create(stranger, workspace["id"])
    assert bool(payload["project"]) is may
    if not may:
        assert code_of(payload)[0] == "FORBIDDEN"
        made = await sql.fetchval(
            "SELECT count(*) FROM projects WHERE workspace_id = $1::text::uuid", workspace["id"]
        )
        assert made == 0


async def test_ids_that_are_malformed_unknown_or_anothers_answer_alike(
    person: Person, stranger: Person, sql: asyncpg.Pool
) -> None:
    theirs = (await stranger.workspace())["id"]
    before = await sql.fetchval("SELECT count(*) FROM events WHERE workspace_id = $1::text::uuid", theirs)
    payloads = [
        await create(person, workspace_id)
        for workspace_id in ("", "nonsense", "\0", str(new_id()), theirs, theirs.upper(), person.id)
    ]
    assert payloads == [payloads[0]] * len(payloads)
    assert code_of(payloads[0]) == ("NOT_FOUND", ["input", "workspaceId"])
    after = await sql.fetchval("SELECT count(*) FROM events WHERE workspace_id = $1::text::uuid", theirs)
    assert after == before


async def test_a_key_is_unique_in_its_workspace_also_when_ten_ask_at_once(
    person: Person, sql: asyncpg.Pool
) -> None:
    first, second = await person.workspace(), await person.workspace()
    payloads = await asyncio.gather(*(create(person, first["id"], "OPS") for _ in range(10)))
    refused = [code_of(payload) for payload in payloads if payload["userErrors"]]
    assert refused == [("TAKEN", ["input", "key"])] * 9
    assert (await create(person, second["id"], "OPS"))["project"]
    seqs = await sql.fetch(
        "SELECT seq FROM events WHERE workspace_id = $1::text::uuid ORDER BY seq", first["id"]
    )
    assert [row["seq"] for row in seqs] == list(range(1, 10))


@pytest.mark.parametrize("key", ["", "A", "ABCDEFGHIJK", "eng", "1A", "A-B", "A B", "ÄB", "AB\n", "A\0"])
async def test_other_keys_are_refused_with_the_rule(person: Person, key: str) -> None:
    payload = await create(person, person.workspace_id, key)
    assert code_of(payload) == ("INVALID", ["input", "key"])
    assert "2 to 10" in payload["userErrors"][0]["message"]


@pytest.mark.parametrize("key", ["AB", "A1", "ABCDEFGHIJ", "Z999999999"])
async def test_keys_of_2_to_10_letters_and_digits(person: Person, key: str) -> None:
    assert (await create(person, person.workspace_id, key))["project"]["key"] == key


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "a\0b"}, "name"),
        ({"description": "a\0b"}, "description"),
        ({"description": "x" * 100_001}, "description"),
        ({"id": "1"}, "id"),
    ],
)
async def test_bad_input_names_the_field(person: Person, fields: dict[str, Any], field: str) -> None:
    assert code_of(await create(person, person.workspace_id, **fields)) == ("INVALID", ["input", field])


async def test_an_id_that_exists_is_taken(person: Person, stranger: Person) -> None:
    chosen = str(new_id())
    assert (await create(person, person.workspace_id, id=chosen))["project"]["id"] == chosen
    assert code_of(await create(stranger, stranger.workspace_id, id=chosen)) == ("ID_TAKEN", ["input", "id"])


async def test_a_key_makes_it_once_and_a_trial_not_at_all(person: Person, sql: asyncpg.Pool) -> None:
    workspace = await person.workspace()
    trial = await create(person, workspace["id"], validateOnly=True)
    assert len(trial["project"]["statuses"]["nodes"]) == 6
    assert trial["syncSeq"] is None
    count = "SELECT count(*) FROM projects WHERE workspace_id = $1::text::uuid"
    assert await sql.fetchval(count, workspace["id"]) == 0
    payloads = await asyncio.gather(
        *(create(person, workspace["id"], idempotencyKey="once") for _ in range(10))
    )
    assert len({payload["project"]["id"] for payload in payloads}) == 1
    assert await sql.fetchval(count, workspace["id"]) == 1
