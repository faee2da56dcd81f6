import asyncio

import asyncpg
import pytest

from app.models.ids import new_id
from tests.harness.client import Api, Json
from tests.harness.people import Person, unique

CREATE = """
mutation ($input: WorkspaceCreateInput!, $key: String, $validateOnly: Boolean) {
  workspaceCreate(input: $input, idempotencyKey: $key, validateOnly: $validateOnly) {
    workspace { id slug name role version syncSeq members { nodes { role user { id } } } }
    syncSeq userErrors { code message field }
  }
}"""


async def create(person: Person, slug: str, name: str = "Garden", **more: object) -> Json:
    given = {"slug": slug, "name": name, **{key: more.pop(key) for key in ("id",) if key in more}}
    payload: Json = (await person.run(CREATE, {"input": given, **more})).data["workspaceCreate"]
    return payload


def code_of(payload: Json) -> tuple[str, list[str]]:
    [error] = payload["userErrors"]
    return error["code"], error["field"]


async def test_its_founder_owns_it_and_others_see_nothing(
    person: Person, stranger: Person, sql: asyncpg.Pool
) -> None:
    slug = unique("space")
    payload = await create(person, slug)
    workspace = payload["workspace"]
    assert payload["userErrors"] == []
    assert payload["syncSeq"] == workspace["syncSeq"] == "2"
    assert (workspace["slug"], workspace["name"], workspace["role"]) == (slug, "Garden", "OWNER")
    assert workspace["members"]["nodes"] == [{"role": "OWNER", "user": {"id": person.id}}]
    events = await sql.fetch(
        "SELECT seq, type, entity_type, actor_id::text AS actor FROM events"
        " WHERE workspace_id = $1::text::uuid ORDER BY seq",
        workspace["id"],
    )
    assert [tuple(event) for event in events] == [
        (1, "workspace.created", "workspace", person.id),
        (2, "membership.created", "membership", person.id),
    ]
    read = "query ($id: ID!) { workspace(id: $id) { id } }"
    assert (await person.run(read, {"id": workspace["id"]})).data["workspace"]
    assert (await stranger.run(read, {"id": workspace["id"]})).data["workspace"] is None


async def test_of_ten_who_want_one_slug_at_once_one_gets_it(
    person: Person, stranger: Person, sql: asyncpg.Pool
) -> None:
    slug = unique("space")
    payloads = await asyncio.gather(
        *(create(founder, slug) for _ in range(5) for founder in (person, stranger))
    )
    assert len([payload for payload in payloads if payload["workspace"]]) == 1
    refused = [code_of(payload) for payload in payloads if payload["userErrors"]]
    assert refused == [("TAKEN", ["input", "slug"])] * 9
    assert await sql.fetchval("SELECT count(*) FROM workspaces WHERE slug = $1", slug) == 1


@pytest.mark.parametrize(
    "slug",
    [
        "",
        "ab",
        "x" * 49,
        "Garden",
        "my garden",
        "-garden",
        "garden-",
        "my--garden",
        "gärten",
        "a_b",
        "abc\n",
        "a.b",
    ],
)
async def test_other_slugs_are_refused_with_the_rule(person: Person, slug: str) -> None:
    payload = await create(person, slug)
    assert code_of(payload) == ("INVALID", ["input", "slug"])
    assert "3 to 48" in payload["userErrors"][0]["message"]
    assert payload["workspace"] is None


async def test_reserved_slugs_are_taken(person: Person) -> None:
    for slug in ("api", "graphql", "metrics"):
        assert code_of(await create(person, slug)) == ("TAKEN", ["input", "slug"])


async def test_the_shortest_and_the_longest(person: Person) -> None:
    for length in (3, 48):
        slug = unique("s").replace("-", "").ljust(length, "x")[-length:]
        assert (await create(person, slug, name="x" * 100))["userErrors"] == []


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "a\0b", "a\nb"])
async def test_names_have_1_to_100_characters(person: Person, name: str) -> None:
    assert code_of(await create(person, unique("space"), name)) == ("INVALID", ["input", "name"])


async def test_a_client_may_choose_the_id_and_a_second_time_it_is_taken(
    person: Person, stranger: Person
) -> None:
    chosen = str(new_id())
    assert (await create(person, unique("space"), id=chosen))["workspace"]["id"] == chosen
    for founder in (person, stranger):
        assert code_of(await create(founder, unique("space"), id=chosen)) == ("ID_TAKEN", ["input", "id"])
    for odd in ("1", chosen.upper(), f"{{{chosen}}}", "01890a5d-ac96-474b-bcce-b302099a8057"):
        assert code_of(await create(person, unique("space"), id=odd)) == ("INVALID", ["input", "id"])


async def test_a_key_makes_one_workspace_of_many_calls(person: Person, sql: asyncpg.Pool) -> None:
    slug = unique("space")
    payloads = await asyncio.gather(*(create(person, slug, key="once") for _ in range(10)))
    assert len({payload["workspace"]["id"] for payload in payloads}) == 1
    assert {payload["syncSeq"] for payload in payloads} == {"2"}
    assert await sql.fetchval("SELECT count(*) FROM workspaces WHERE slug = $1", slug) == 1
    assert code_of(await create(person, unique("space"), key="once"))[0] == "IDEMPOTENCY_KEY_REUSED"


async def test_a_trial_shows_the_workspace_and_leaves_nothing(person: Person, sql: asyncpg.Pool) -> None:
    slug = unique("space")
    payload = await create(person, slug, validateOnly=True)
    assert payload["userErrors"] == []
    assert payload["syncSeq"] is None
    assert payload["workspace"]["role"] == "OWNER"
    assert payload["workspace"]["members"]["nodes"] == [{"role": "OWNER", "user": {"id": person.id}}]
    assert await sql.fetchval("SELECT count(*) FROM workspaces WHERE slug = $1", slug) == 0
    assert (await create(person, slug))["userErrors"] == []


async def test_it_needs_somebody_signed_in(api: Api) -> None:
    given = {"slug": unique("space"), "name": "Garden"}
    assert (await api.run(CREATE, {"input": given})).code == "UNAUTHENTICATED"
