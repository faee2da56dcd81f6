"""Bad ids and bad texts in every argument of every mutation: refused by name, and nothing changed."""

import asyncio
import copy
from collections.abc import Mapping
from typing import Any

import asyncpg
import pytest

from tests.harness.client import Api, Json
from tests.harness.people import Person, sign_up, unique
from tests.harness.refusals import BAD_IDS, assert_civil
from tests.harness.world import World, make_world

MUTATION_FIELDS = """
{ __type(name: "Mutation") { fields { name args { name type { ...t } } } } }
fragment t on __Type { kind name ofType { kind name ofType { kind name } } }"""
UNKNOWN = "0190a000-0000-7000-8000-000000000000"
# These hand out or end tokens: they take no ids, and tests of their own try their texts.
OF_ACCOUNTS = {"signUp", "signIn", "tokenRefresh", "signOut"}

Variables = dict[str, Any]


def calls(world: World) -> dict[str, Variables]:
    """Variables with which the owner of the world could run each mutation (validateOnly takes them back)."""
    task, project = world.task["id"], world.project
    other = world.subtask["id"]
    status = project["statuses"]["Done"]["id"]
    fields = {"statusId": status, "assigneeId": world.member.id, "parentId": None}
    by_id = {"id": task}
    return {
        "workspaceCreate": {"input": {"slug": unique("new"), "name": "New"}},
        "memberAdd": {"workspaceId": world.workspace["id"], "email": "nobody@example.com", "role": "MEMBER"},
        "memberRemove": {"id": world.membership_id},
        "projectCreate": {
            "input": {"workspaceId": world.workspace["id"], "key": "NEW", "name": "New", "description": "x"}
        },
        "taskCreate": {
            "input": {
                **fields,
                "projectId": project["id"],
                "title": "New",
                "description": "x",
                "labelIds": [world.label_id],
                "parentId": task,
            }
        },
        "taskUpdate": {
            "id": other,
            "input": {
                **fields,
                "title": "x",
                "description": "x",
                "labelIds": [world.label_id],
                "parentId": task,
            },
        },
        "taskMove": {"id": other, "statusId": status, "beforeId": world.blocked["id"], "afterId": task},
        **dict.fromkeys(("taskComplete", "taskReopen", "taskArchive", "taskUnarchive"), by_id),
        **dict.fromkeys(("taskDelete", "taskRestore"), by_id),
        "labelCreate": {"input": {"projectId": project["id"], "name": "new", "color": "#123456"}},
        "commentCreate": {"input": {"taskId": task, "body": "x", "parentId": world.comment_id}},
        "taskRelationCreate": {"input": {"taskId": task, "relatedTaskId": other, "type": "RELATES_TO"}},
        "taskRelationDelete": {"id": world.relation_id},
    }


def paths(value: Any, prefix: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """Every leaf by its path; a list of ids is one leaf."""
    if isinstance(value, Mapping):
        return {
            path: leaf
            for name, inner in value.items()
            for path, leaf in paths(inner, (*prefix, name)).items()
        }
    return {prefix: value}


def replaced(variables: Variables, path: tuple[str, ...], value: Any) -> Variables:
    changed = copy.deepcopy(variables)
    inner = changed
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = [value] if isinstance(inner[path[-1]], list) else value
    return changed


@pytest.fixture(scope="module")
async def world(api: Api) -> World:
    return await make_world(await sign_up(api), await sign_up(api))


@pytest.fixture(scope="module")
async def foreign(api: Api) -> World:
    """Another tenant's."""
    return await make_world(await sign_up(api), await sign_up(api))


class Mutations:
    """Runs mutations by name, with the argument types that the schema tells."""

    def __init__(self, fields: list[Json]) -> None:
        self._types = {
            field["name"]: {arg["name"]: _typed(arg["type"]) for arg in field["args"]} for field in fields
        }
        self.names = set(self._types)

    async def run(
        self, person: Person, name: str, variables: Variables, *, validate_only: bool = False
    ) -> Json:
        types = self._types[name]
        declared = ", ".join(f"${argument}: {types[argument]}" for argument in variables)
        arguments = ", ".join(f"{argument}: ${argument}" for argument in variables)
        if validate_only:
            arguments += ", validateOnly: true"
        document = (
            f"mutation ({declared}) {{ {name}({arguments}) {{ userErrors {{ code message field }} }} }}"
        )
        answer = await person.run(document, variables)
        assert_civil(answer)
        payload: Json = answer.data[name]
        return payload


@pytest.fixture(scope="module")
async def mutations(reader: Person) -> Mutations:
    return Mutations((await reader.run(MUTATION_FIELDS)).data["__type"]["fields"])


def _typed(of: Json) -> str:
    match of["kind"]:
        case "NON_NULL":
            return f"{_typed(of['ofType'])}!"
        case "LIST":
            return f"[{_typed(of['ofType'])}]"
    return str(of["name"])


async def test_every_mutation_is_called_here(mutations: Mutations, world: World) -> None:
    assert set(calls(world)) | OF_ACCOUNTS == mutations.names


async def test_the_calls_are_good_ones(mutations: Mutations, world: World) -> None:
    """Otherwise the refusals below could have other reasons."""
    for name, variables in calls(world).items():
        payload = await mutations.run(world.owner, name, variables, validate_only=True)
        if name == "memberAdd":
            assert [error["field"] for error in payload["userErrors"]] == [["email"]]
        else:
            assert payload["userErrors"] == [], name


async def test_ids_of_others_are_not_found_like_unknown_ones(
    mutations: Mutations, world: World, foreign: World, sql: asyncpg.Pool
) -> None:
    before = await _log(sql)
    theirs = calls(foreign)
    tried = 0
    for name, variables in calls(world).items():
        for path, value in paths(variables).items():
            if not _is_id(path, value):
                continue
            [wrong] = [found for where, found in paths(theirs[name]).items() if where == path]
            wrong = wrong[0] if isinstance(wrong, list) else wrong
            answers = [
                await mutations.run(world.owner, name, replaced(variables, path, one))
                for one in (UNKNOWN, wrong, *BAD_IDS[:8])
            ]
            [error] = answers[0]["userErrors"]
            assert (error["code"], tuple(error["field"])) == ("NOT_FOUND", path), (name, error)
            for one, answer in zip(("", wrong, *BAD_IDS[:8]), answers, strict=True):
                assert answer == answers[0], (name, path, one)
            tried += 1
    assert tried > 25
    assert await _log(sql) == before


async def test_a_guest_is_forbidden_what_an_outsider_does_not_find(
    mutations: Mutations, world: World, sql: asyncpg.Pool
) -> None:
    guest, outsider = await asyncio.gather(sign_up(world.owner.api), sign_up(world.owner.api))
    await world.owner.add_member(guest, "GUEST", world.workspace["id"])
    before = await _log(sql)
    for name, variables in calls(world).items():
        if name == "workspaceCreate":
            continue
        [refusal] = (await mutations.run(guest, name, variables))["userErrors"]
        assert refusal["code"] == "FORBIDDEN", (name, refusal)
        [unknown] = (await mutations.run(outsider, name, variables))["userErrors"]
        assert unknown["code"] == "NOT_FOUND", (name, unknown)
    assert await _log(sql) == before


@pytest.mark.parametrize("text", ["", " \n", "\0", "a\0b", "x" * 200_000])
async def test_texts_that_no_column_takes(
    mutations: Mutations, world: World, sql: asyncpg.Pool, text: str
) -> None:
    before = await _log(sql)
    for name, variables in calls(world).items():
        for path, value in paths(variables).items():
            if _is_id(path, value) or not isinstance(value, str) or path[-1] in ("role", "type"):
                continue
            if path[-1] == "description" and not text.strip("\n ") and text.strip() == text:
                continue
            payload = await mutations.run(
                world.owner, name, replaced(variables, path, text), validate_only=True
            )
            if path[-1] == "description" and not text.strip():
                continue
            assert len(payload["userErrors"]) == 1, (name, path)
            [error] = payload["userErrors"]
            assert tuple(error["field"]) == path, (name, error)
            assert error["code"] in ("INVALID", "NOT_FOUND"), (name, error)
    assert await _log(sql) == before


async def test_nothing_of_it_works_signed_out(mutations: Mutations, world: World) -> None:
    nobody = copy.copy(world.owner)
    nobody.token = "not.a.token"
    for name, variables in calls(world).items():
        types = ", ".join(
            f"${argument}: {kind}"
            for argument, kind in mutations._types[name].items()
            if argument in variables
        )
        arguments = ", ".join(f"{argument}: ${argument}" for argument in variables)
        document = f"mutation ({types}) {{ {name}({arguments}) {{ syncSeq }} }}"
        for person, sentence in ((None, "Sign in to do this."), (nobody, "The access token is not valid.")):
            answer = await world.owner.api.run(document, variables, token=person.token if person else None)
            assert_civil(answer)
            assert answer.code == "UNAUTHENTICATED", name
            assert answer.error["message"].startswith(sentence)


def _is_id(path: tuple[str, ...], value: object) -> bool:
    return path[-1] == "id" or path[-1].endswith(("Id", "Ids"))


async def _log(sql: asyncpg.Pool) -> int:
    """How many events there are in all. Nobody else writes meanwhile."""
    return int(await sql.fetchval("SELECT count(*) FROM events"))
