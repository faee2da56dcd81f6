"""What a client chooses reaches neither the generated code nor the SQL, and no plan carries rows about."""

import ast
import asyncio
import re
from typing import Any

import pytest
from graphql import parse

from app.engine import level, texts
from tests.engine.survey import Case, World, judge, naive_answer
from tests.engine.tenant_rows import TITLES
from tests.engine.ways import Outcome

# Python's own names, the generated code's, those of the SQL, and long ones.
HOSTILE_NAMES = (
    "__import__", "__builtins__", "__class__", "None", "True", "lambda", "class", "eval", "exec", "self",
    "rows", "r", "o", "page", "more", "cursor", "count", "required", "f0", "b0", "b1", "v1", "min", "str",
    "_parent", "_order0", "_count", "id", "type", "table", "select", "p1", "user_id", "workspace_ids",
    "x" * 5_000, "_" * 500,
)  # fmt: skip
HOSTILE_TEXTS = (
    "'; DROP TABLE tasks; --",
    '"); DROP TABLE tasks; --',
    "{row}",
    "{row}.id",
    ":user_id",
    ":p1::text",
    "$1",
    "%s %(x)s {} {0}",
    "\\' OR 1=1 --",
    "\\",
    "%",
    "_",
    "\u0000",
    "\ud800",
    "\u202e\u2028\r\n\t",
    "__import__('os').system('true')",
    "🎈" * 1_000,
    "",
)
# What the generated code may name: its parameters, what is bound to it, and two functions of Python.
DECLARED_ATTRIBUTES = {"total", "completed", "field", "before", "after"}
GENERATED_NAME = re.compile(r"rows|r|o|pages|key|page|more|cursor|count|required|min|str|[bfv][0-9]+")


@pytest.fixture
def sources(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """All code that is generated while the test runs."""
    found: list[str] = []

    def note(source: str, *args: Any) -> Any:
        found.append(source)
        return compile(source, *args)

    monkeypatch.setattr(level, "compile", note, raising=False)
    return found


@pytest.fixture
def statements(world: World, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The text of all SQL that is sent while the test runs."""
    found: list[str] = []
    database = world.ways.services.database
    fetch = database.fetch

    async def note(label: str, sql: str, args: Any, **watching: Any) -> Any:
        found.append(f"{label}\n{sql}")
        return await fetch(label, sql, args, **watching)

    monkeypatch.setattr(database, "fetch", note)
    return found


def _with_name(name: str) -> str:
    if name in ("True", "None", "true", "false", "null", "on"):
        name = f"{name}_"  # GraphQL keeps a few words from operations and fragments
    return f"""
    query {name} {{ {name}: tasks(first: 3) {{
      {name}: totalCount
      nodes {{ ...{name} }}
      {name}_2: edges {{ {name}: cursor {name}_2: node {{ {name}: __typename }} }}
      {name}_3: pageInfo {{ {name}: endCursor }}
    }} }}
    fragment {name} on Task {{
      {name}: title {name}_1: identifier {name}_2: isBlocked {name}_3: commentCount {name}_4: viewerCanUpdate
      {name}_5: assignee {{ {name}: name }}
      {name}_6: subtasksSummary {{ {name}: total }}
      {name}_7: labels(first: 2) {{ {name}: nodes {{ {name}: name }} }}
      {name}_8: activity(first: 2) {{ nodes {{ {name}: changes {{ {name}: after }} }} }}
    }}"""


async def test_names_of_a_document_are_keys_and_nothing_else(
    world: World, sources: list[str], statements: list[str]
) -> None:
    for name in HOSTILE_NAMES:
        await _agree(world, _with_name(name), {}, fast=True)
    assert sources
    for source in sources:
        names = {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}
        assert all(GENERATED_NAME.fullmatch(name) for name in names), names
        attributes = {node.attr for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Attribute)}
        assert attributes <= DECLARED_ATTRIBUTES
    of_one = statements[: len(statements) // len(HOSTILE_NAMES)]
    assert set(statements) == set(of_one)  # the SQL is the same whatever the names


async def test_texts_are_bound_and_never_part_of_sql(world: World, statements: list[str]) -> None:
    # Two documents: while `tasks` fails, which nulls all, others may have failed already or not.
    filtered = """
    query ($text: String!, $texts: [String!]) {
      tasks(archived: INCLUDE, trashed: INCLUDE, filter: {or: [
        {title: {eq: $text}}, {title: {contains: $text}}, {title: {in: $texts}},
        {assignee: {name: {eq: $text}}}, {labels: {some: {name: {eq: $text}}}}
      ]}) {
        nodes { title }
      }
    }"""
    found = """
    query ($text: String!, $id: ID!) {
      task(identifier: $text) { id }
      project(key: $text, workspaceId: $id) { id }
      workspace(slug: $text) { id }
      node(id: $id) { id }
      nodes(ids: [$id, $id]) { id }
    }"""
    for text in HOSTILE_TEXTS:
        await _agree(world, filtered, {"text": text, "texts": [text]})
        await _agree(world, found, {"text": text, "id": text})
        for sql in statements:
            assert len(text) < 3 or text in (":user_id",) or text not in sql
        statements.clear()
    for title in TITLES:
        by_engine = await _agree(world, filtered, {"text": title, "texts": [title]})
        assert {"title": title} in by_engine.json["data"]["tasks"]["nodes"]


async def test_texts_as_literals_are_bound_as_well(world: World) -> None:
    for text in ("'; DROP TABLE tasks; --", "{row}", ":user_id", "$1", "\\\\", '\\"', "\\u0000"):
        document = f'{{ tasks(filter: {{title: {{contains: "{text}"}}}}) {{ nodes {{ title }} }} }}'
        await _agree(world, document, {})


@pytest.mark.parametrize("depth", [5, 15, 40, 90, 120])
async def test_deep_nesting_is_answered(world: World, depth: int) -> None:
    """Beyond Python's limits on nested code graphql-core answers, which has limits of its own."""
    parents = "parent { " * depth + "id" + " }" * depth
    await _agree(world, f"{{ tasks(first: 5) {{ nodes {{ id {parents} }} }} }}", {})
    depth = min(depth, 60)  # graphql-core parses no deeper
    replies = "replies(first: 2) { nodes { id " * depth + " } }" * depth
    await _agree(
        world, f"{{ tasks(first: 5) {{ nodes {{ comments(first: 2) {{ nodes {{ {replies} }} }} }} }} }}", {}
    )


async def test_hundreds_of_aliases_of_a_connection(world: World) -> None:
    roots = " ".join(f"a{n}: tasks(first: {1 + n % 5}) {{ nodes {{ id }} }}" for n in range(300))
    await _agree(world, f"{{ {roots} }}", {}, fast=True)
    nested = " ".join(f"a{n}: labels(first: {1 + n % 5}) {{ totalCount nodes {{ id }} }}" for n in range(200))
    await _agree(world, f"{{ tasks(first: 5) {{ nodes {{ {nested} }} }} }}", {}, fast=True)
    columns = " ".join(f"a{n}: title b{n}: assignee {{ name }}" for n in range(1_000))
    await _agree(world, f"{{ tasks(first: 5) {{ nodes {{ {columns} }} }} }}", {}, fast=True)


@pytest.mark.parametrize(
    "filter",
    [
        {"not": {"not": {"not": {"not": {"not": {"not": {"not": {"not": {"number": {"eq": 1}}}}}}}}}},
        {"or": [{"number": {"eq": number}} for number in range(60)]},
        {"id": {"in": ["nonsense"] * 501}},
        {"number": {"in": list(range(501))}},
        {"number": {"eq": None}},
        {"and": [], "or": []},
        {},
    ],
)
async def test_filters_at_and_beyond_their_limits(world: World, filter: Any) -> None:
    document = "query ($filter: TaskFilter) { tasks(filter: $filter) { totalCount nodes { id } } }"
    await _agree(world, document, {"filter": filter}, naive=False)


async def test_the_text_of_a_long_filter_is_not_kept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client makes as many as it likes: a thousand of the longest are 130 MB."""
    written: list[object] = []
    ranges = texts._ranges

    def note(*args: Any) -> Any:
        written.append(args)
        return ranges(*args)

    monkeypatch.setattr(texts, "_ranges", note)
    document = "query ($filter: TaskFilter) { tasks(filter: $filter, last: 17) { nodes { id } } }"
    for conditions, times in ((2, 1), (50, 2)):
        written.clear()
        some = {"or": [{"labels": {"some": {"name": {"eq": "alpha"}}}}] * conditions}
        for _ in range(2):
            await world.ways.by_engine(parse(document), {"filter": some}, world.tenants.viewers["alex"])
        assert len(written) == times


async def test_a_plan_never_carries_rows_from_one_viewer_to_another(world: World) -> None:
    """Two tenants, a guest, a former member and nobody: the same document, at the same time."""
    text = """query ($id: ID!) {
      tasks(first: 20) { totalCount nodes { id title viewerCanUpdate project { name } labels { nodes { id } }
        assignee { email } blockedBy { nodes { id } } activity(first: 2) { nodes { id } } } }
      workspaces { nodes { slug role members { nodes { role user { email } } } } }
      node(id: $id) { id } viewer { email }
    }"""
    document = parse(text)
    variables = {"id": world.tenants.rows["tasks"][0]["id"]}
    viewers = ["alex", "lou", "kim", "noa", "zoe", "nobody"] * 15

    async def run(name: str) -> Outcome:
        return await world.ways.by_engine(document, variables, world.tenants.viewers[name])

    answers = await asyncio.gather(*map(run, viewers))
    for name, answer in zip(viewers, answers, strict=True):
        data, failed = naive_answer(world, Case(0, text, document, variables, name))
        assert answer.fast is (name != "nobody")
        assert (answer.json["data"], "errors" in answer.json) == (data, failed), name


async def _agree(
    world: World, text: str, variables: dict[str, Any], *, fast: bool = False, naive: bool = True
) -> Outcome:
    case = Case(0, text, parse(text), variables, "alex")
    viewer = world.tenants.viewers["alex"]
    by_engine = await world.ways.by_engine(case.document, variables, viewer)
    by_core = await world.ways.by_core(case.document, variables, viewer)
    assert by_engine.body == by_core.body
    assert by_engine.fast or not fast, by_engine.reasons
    if naive and "errors" not in by_core.json:
        assert judge(by_engine, by_core, naive_answer(world, case)) is None
    return by_engine
