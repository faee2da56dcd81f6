"""What mutations and subscriptions answer goes through the engine: the same as by graphql-core."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from graphql import GraphQLObjectType, GraphQLOutputType, OperationType, get_named_type, is_leaf_type

from app.domain.viewer import Viewer
from app.engine import Reads
from app.engine.entities import Row, entity_of_type
from tests.engine.payload_calls import TOKEN_MUTATIONS, run, sign_up, token_call, validated_calls
from tests.engine.payloads import Compared, compare_payloads
from tests.engine.survey import SEED, World
from tests.engine.tenants import PASSWORD
from tests.engine.ways import Ways

PAYLOADS = 12
"""Selections of each mutation's payload."""
EVENTS = 60


async def test_payloads_are_the_same(world: World, tell: Callable[[str], None]) -> None:
    """Each mutation validates only: its payload is read from the open transaction, then all is taken back."""
    counts = Counter[str]()
    for name, calls in validated_calls(world.tenants).items():
        viewer = world.tenants.viewers[calls.viewer]
        for number in range(PAYLOADS):
            field = f"{name}({calls.of(number)} validateOnly: true)"
            _count(counts, await _compare_generated(world, name, field, number, viewer))
    _check(counts, tell, "payloads")


async def test_payloads_of_tokens_are_the_same(world: World, tell: Callable[[str], None]) -> None:
    """They commit, so whoever they are about has signed up for it. A token sent along changes nothing."""
    counts, viewer = Counter[str](), await sign_up(world)
    for name in TOKEN_MUTATIONS:
        for number in range(PAYLOADS):
            field = f"{name}({await token_call(world, viewer, name, good=number % 3 > 0)})"
            sent_along = viewer if number % 2 else None
            _count(counts, await _compare_generated(world, name, field, number, sent_along))
    _check(counts, tell, "payloads of tokens")


async def test_every_mutation_is_run_and_refused(world: World) -> None:
    """With every field of its payload. The tests above tell of nothing that has not happened here."""
    fields, asked = _mutation_type(world).fields, set[str]()
    for name, calls in validated_calls(world.tenants).items():
        for arguments in (*calls.good, *calls.bad):
            text = f"mutation {{ {name}({arguments} validateOnly: true) {_everything(fields[name].type)} }}"
            await _compare_outcome(world, text, calls.viewer, good=arguments in calls.good)
            asked.add(name)
        assert calls.good
        assert calls.bad or name in ("signOut", "emailVerificationRequest"), name
    viewer = await sign_up(world)
    for name in TOKEN_MUTATIONS:
        for good in (False, True):
            arguments = await token_call(world, viewer, name, good=good)
            text = f"mutation {{ {name}({arguments}) {_everything(fields[name].type)} }}"
            await _compare_outcome(world, text, "nobody", good=good)
            asked.add(name)
    assert asked == set(fields)


async def test_payloads_without_mail_are_the_same(world: World) -> None:
    services = world.ways.services
    silent = services.settings.model_copy(update={"environment": "production", "smtp_host": None})
    ways = Ways(world.ways.schema, replace(services, settings=silent))
    for call in (
        'passwordResetRequest(email: "alex@example.com")',
        "emailVerificationRequest",
        f'emailChange(email: "new@example.com", password: "{PASSWORD}")',
    ):
        text = f"mutation {{ {call} {{ userErrors {{ __typename code message field }} }} }}"
        compared = await compare_payloads(ways, text, {}, world.tenants.viewers["alex"])
        assert compared.engine == compared.core is not None
        assert b'"EMAIL_DISABLED"' in compared.core


async def _compare_generated(
    world: World, name: str, field: str, number: int, viewer: Viewer | None
) -> Compared:
    """`field`: the mutation's with its arguments; what is selected on it is generated."""
    payload = get_named_type(_mutation_type(world).fields[name].type)
    assert isinstance(payload, GraphQLObjectType)
    selection, around = world.documents(SEED).selection(number, payload, OperationType.MUTATION)
    text = around.text.replace("{ payload }", f"{{ {field} {{ {selection} }} }}")
    compared = await compare_payloads(world.ways, text, around.runs[0][0], viewer)
    assert compared.difference() is None, f"seed {SEED}\n{text}\n{compared.difference()}"
    return compared


async def _compare_outcome(world: World, text: str, viewer: str, *, good: bool) -> None:
    compared = await compare_payloads(world.ways, text, {}, world.tenants.viewers[viewer])
    assert not compared.failed, f"{text}\n{compared.answer}"
    assert compared.engine == compared.core is not None, f"{text}\n{compared.reasons}"
    [payload] = compared.answer["data"].values()
    assert (payload["userErrors"] == []) is good, f"{text}\n{payload}"


def _mutation_type(world: World) -> GraphQLObjectType:
    type_ = world.ways.schema._schema.mutation_type
    assert type_ is not None
    return type_


def _everything(type_: GraphQLOutputType, depth: int = 1) -> str:
    """All fields of a payload, and those without fields of their own of what is in it."""
    inner = get_named_type(type_)
    if not isinstance(inner, GraphQLObjectType):
        return ""
    fields = [
        f"{name} {_everything(field.type, depth - 1)}"
        for name, field in inner.fields.items()
        if depth or is_leaf_type(get_named_type(field.type))
    ]
    return f"{{ {' '.join(fields)} }}"


async def test_what_signing_up_hands_out_is_the_same(world: World) -> None:
    text = """
    mutation ($email: String!) {
      signUp(input: {email: $email, password: "correct horse", name: "Ann"}) {
        user { name email __typename } accessToken refreshToken expiresAt userErrors { code field message }
      }
    }"""
    for email in ("ann@example.com", "ann@example.com", "nonsense"):
        compared = await compare_payloads(world.ways, text, {"email": email}, None)
        assert compared.engine == compared.core is not None


async def test_events_are_the_same(world: World, tell: Callable[[str], None]) -> None:
    """An event's row is read again, with what the subscription selects of it."""
    schema, counts = world.ways.schema._schema, Counter[str]()
    documents, viewer = world.documents(SEED), world.tenants.viewers["alex"]
    assert schema.subscription_type is not None
    type_ = get_named_type(schema.subscription_type.fields["taskUpdated"].type)
    assert isinstance(type_, GraphQLObjectType)
    entity = entity_of_type(type_)
    assert entity is not None
    for number in range(EVENTS):
        selection, around = documents.selection(number, type_, OperationType.SUBSCRIPTION)
        text = around.text.replace("{ payload }", f"{{ taskUpdated {{ {selection} }} }}")
        row = world.tenants.rows["tasks"][number % 20]
        root: Any = await _reads(world).row("Task", entity, row["id"])
        assert isinstance(root, Row)
        compared = await compare_payloads(world.ways, text, around.runs[0][0], viewer, root=root)
        assert compared.difference() is None, f"seed {SEED}\n{text}\n{compared.difference()}"
        _count(counts, compared)
    _check(counts, tell, "events")


def _reads(world: World) -> Reads:
    return world.ways.context(world.tenants.viewers["alex"]).reads


def _check(counts: Counter[str], tell: Callable[[str], None], what: str) -> None:
    tell(f"{what}, seed {SEED}: {dict(counts)}")
    assert counts["by the engine"] >= 0.95 * counts["without errors"]
    assert counts["without errors"] >= 0.5 * counts["payloads"]


def _count(counts: Counter[str], compared: Compared) -> None:
    counts["payloads"] += 1
    counts["without errors"] += not compared.failed
    counts["by the engine"] += compared.engine is not None and not compared.failed
    for reason in compared.reasons if not compared.failed else ():
        counts[f"left: {reason}"] += 1
    [payload] = (compared.answer["data"] or {"": None}).values()
    counts["nothing to show"] += payload is None


THREE_WRITES = """
mutation ($id: ID!, $parent: ID!) {
  first: taskUpdate(id: $id, input: {title: "One"}) { ...After }
  second: taskUpdate(id: $parent, input: {title: "Two"}) { ...After }
  third: taskComplete(id: $id) { ...After }
}
fragment After on TaskPayload {
  task { title commentCount isBlocked status { name } parent { title } subtasks { nodes { title } }
    subtasksSummary { completed } project { tasks(sort: [{field: NUMBER}]) { nodes { title } } } }
}"""


async def test_each_root_field_reads_what_the_one_before_wrote(world: World) -> None:
    """By graphql-core too: its loaders end with the root field."""
    for by_engine in (True, False):
        check_writes(await write_three_times(world, by_engine=by_engine))


def check_writes(written: dict[str, Any]) -> None:
    """That each of the three answers shows what was written up to then, and nothing older."""
    assert [written[name]["task"]["title"] for name in written] == ["One", "Two", "One"]
    assert [_titles(written[name]["task"]["project"]["tasks"]) for name in written] == [
        ["Above", "One"],
        ["Two", "One"],
        ["Two", "One"],
    ]
    assert written["second"]["task"]["subtasksSummary"] == {"completed": 0}
    assert written["third"]["task"]["parent"] == {"title": "Two"}
    assert written["third"]["task"]["status"] == {"name": "Done"}


async def write_three_times(world: World, *, by_engine: bool) -> dict[str, Any]:
    """Three writes of one document, by a person who has signed up for it."""
    viewer = await sign_up(world)
    [project] = await run(world, viewer, "{ projects { nodes { id } } }", {}, by_engine=by_engine)
    create = """mutation ($project: ID!, $parent: ID) {
      taskCreate(input: {projectId: $project, title: "Above", parentId: $parent}) { task { id } } }"""
    variables = {"project": project["nodes"][0]["id"], "parent": None}
    [above] = await run(world, viewer, create, variables, by_engine=by_engine)
    variables["parent"] = above["task"]["id"]
    [below] = await run(world, viewer, create, variables, by_engine=by_engine)
    ids = {"id": below["task"]["id"], "parent": above["task"]["id"]}
    first, second, third = await run(world, viewer, THREE_WRITES, ids, by_engine=by_engine)
    return {"first": first, "second": second, "third": third}


def _titles(connection: Any) -> list[str]:
    return [task["title"] for task in connection["nodes"]]
