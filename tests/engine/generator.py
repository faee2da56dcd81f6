"""Documents at random over a schema, with the variables to run them with.

One seed and one index make the same document in every run. Documents are valid by construction: where two
fields would answer under one key they are the same field with the same arguments, or one gets an alias.
"""

import json
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    OperationType,
    get_named_type,
    is_leaf_type,
)

from tests.engine.arguments import write_arguments
from tests.engine.variables import Given, Values, literal

MAX_DEPTH = 7
MAX_ROWS = 160
"""How many objects a document may reach, by its page sizes."""
ROOTS = {"tasks": 6, "task": 4, "node": 4, "nodes": 3, "projects": 2, "project": 2, "workspaces": 2}
ROOTS |= {"workspace": 2, "changes": 2, "viewer": 1, "sessions": 2, "rateLimit": 1}
ACROSS = ("relations", "inverseRelations", "relatedTask", "task")
"""What may lead to another tenant's rows: asked for more often, since what is hidden there makes errors."""
VIEWERS = {"alex": 14, "lou": 4, "kim": 3, "noa": 2, "sam": 1, "ray": 1, "zoe": 1, "nobody": 1}


@dataclass
class Scope:
    """The keys of one object's answer: what stands under each, and the scope below it."""

    taken: dict[str, tuple[str, "Scope"]] = field(default_factory=dict)


@dataclass(frozen=True)
class Fragment:
    name: str
    type_name: str
    rows: int


@dataclass
class Generated:
    text: str
    runs: list[tuple[dict[str, Any], str]]
    """Variables, and the name of the viewer: a document may run more than once."""
    features: Counter[str]
    covered: set[str]
    """`Type.field`, `Type.field(argument)` and `Input.field`."""


class Documents:
    def __init__(self, schema: GraphQLSchema, values: Values, seed: str) -> None:
        self.schema = schema
        self.values = values
        self.seed = seed

    def query(self, index: int) -> Generated:
        maker = _Maker(self.schema, self.values, random.Random(f"{self.seed}:{index}"))
        assert self.schema.query_type is not None
        if index % 16 == 3:
            coordinates = [one for one in self.values.cursors if any(self.values.cursors[one].values())]
            turn, place = divmod(index // 16, len(coordinates))
            return maker.operation("query", maker.page_at_cursor(coordinates[place], backward=turn % 2 == 1))
        if index % 4 == 0:
            return maker.operation("query", maker.list_of_tasks(self.schema.query_type))
        return maker.operation("query", maker.roots(self.schema.query_type))

    def selection(
        self, index: int, type_: GraphQLObjectType, operation: OperationType
    ) -> tuple[str, Generated]:
        """A selection on `type_` without its braces, and a document around `{ payload }` that it needs."""
        maker = _Maker(self.schema, self.values, random.Random(f"{self.seed}:{type_.name}:{index}"))
        text = maker.selection(type_, Scope(), 1, 2)
        return text, maker.operation(operation.value, "{ payload }")


class _Maker:
    def __init__(self, schema: GraphQLSchema, values: Values, rng: random.Random) -> None:
        self.schema = schema
        self.rng = rng
        self.given = Given(values, rng)
        self.features = self.given.features
        self.covered: set[str] = set()
        self.definitions: list[str] = []
        self.fragments: list[Fragment] = []
        self.names = 0
        self.fields = 0
        self.max_fields = rng.choice((6, 10, 16, 30))
        self.always_alias = False

    def operation(self, kind: str, selection: str) -> Generated:
        name = self.rng.choice(("Q", "type", "query", "rows", "__import__"))
        definitions = [f"{kind} {name}{self.given.declarations()} {selection}", *self.definitions]
        self.rng.shuffle(definitions)
        runs = [(variables, self._viewer()) for variables in self.given.runs(1 + (self.rng.random() < 0.35))]
        self.features["run again with other variables"] += len(runs) - 1
        return Generated("\n".join(definitions), runs, self.features, self.covered | self.given.covered)

    def roots(self, query: GraphQLObjectType) -> str:
        scope = Scope()
        count = self.rng.choice((1, 1, 1, 2, 2, 3))
        chosen = self.rng.choices(list(ROOTS), weights=list(ROOTS.values()), k=count)
        parts = [self._field(query, name, scope, count, 0) for name in chosen]
        if self.rng.random() < 0.1:
            parts.append("__typename")
        if self.rng.random() < 0.004:
            parts.append('__type(name: "Task") { name }')
            self.features["introspection"] += 1
        return "{ " + " ".join(parts) + " }"

    def list_of_tasks(self, query: GraphQLObjectType) -> str:
        """Little but its arguments: what they find is what it is about."""
        self.given.always_filters = True
        arguments = write_arguments(self.given, "Query.tasks", query.fields["tasks"], MAX_ROWS)
        self.covered |= {f"Query.tasks({argument})" for argument in arguments.names}
        shown = self.rng.choice(
            (
                "totalCount nodes { id }",
                "edges { cursor } pageInfo { hasNextPage endCursor }",
                "totalCount edges { node { id } }",
                "nodes { relations(first: 3) { nodes { relatedTask { id } } } }",
            )
        )
        return f"{{ tasks{arguments.text} {{ {shown} }} }}"

    def page_at_cursor(self, coordinate: str, *, backward: bool) -> str:
        """Of rows that have such a connection, and mostly of the one that the cursor came from."""
        values, (type_name, name) = self.given.values, coordinate.split(".")
        sort = self.rng.choice([one for one, found in values.cursors[coordinate].items() if found])
        cursor = self.given.declare("String!", [self.rng.choice(values.cursors[coordinate][sort])] * 2)
        page = f"last: 3, before: ${cursor}" if backward else f"first: 3, after: ${cursor}"
        [*sorted_by] = [f", sort: {literal(one)}" for one in values.sorts if json.dumps(one) == sort]
        shown = self._shown(coordinate)
        connection = f"{name}({page}{''.join(sorted_by)}) {shown}"
        self.covered |= {f"{coordinate}({'before' if backward else 'after'})"}
        self.covered |= {f"{coordinate}({'last' if backward else 'first'})"}
        self.features["cursor"] += 1
        if type_name == "Query":
            return f"{{ {connection} }}"
        ids = self.given.declare("[ID!]!", [values.ids[type_name][:100]] * 2)
        return f"{{ nodes(ids: ${ids}) {{ ... on {type_name} {{ {connection} }} }} }}"

    def _shown(self, coordinate: str) -> str:
        """Of a connection: with edges, which other documents reach by luck alone."""
        page_info = "pageInfo { hasNextPage hasPreviousPage startCursor }"
        if self.rng.random() < 0.5:
            return f"{{ nodes {{ id }} {page_info} }}"
        type_name, name = coordinate.split(".")
        parent: Any = self.schema.type_map[type_name]
        connection: Any = get_named_type(parent.fields[name].type)
        edge: Any = get_named_type(connection.fields["edges"].type)
        self.covered |= {f"{connection.name}.edges", f"{edge.name}.node", f"{edge.name}.cursor"}
        return f"{{ edges {{ cursor node {{ id }} }} {page_info} }}"

    def selection(self, type_: Any, scope: Scope, rows: int, depth: int) -> str:
        """Without braces. `rows`: how many objects it is read for."""
        parts = [self._part(type_, scope, rows, depth) for _ in range(self.rng.choice((1, 2, 3, 3, 4, 6)))]
        return " ".join(parts)

    def _part(self, type_: Any, scope: Scope, rows: int, depth: int) -> str:
        self.fields += 1
        chance = self.rng.random()
        if chance < 0.06:
            return self._typename(scope)
        if depth < MAX_DEPTH and chance < 0.14:
            return self._inline(type_, scope, rows, depth)
        if depth < MAX_DEPTH and chance < 0.22:
            return self._spread(type_, scope, rows, depth)
        if isinstance(type_, GraphQLInterfaceType) and chance < 0.7:
            return self._inline(type_, scope, rows, depth)
        return self._field(type_, self._pick(type_, rows, depth), scope, rows, depth)

    def _pick(self, type_: Any, rows: int, depth: int) -> str:
        deep = depth < MAX_DEPTH and self.fields < self.max_fields and rows <= MAX_ROWS
        fields: dict[str, GraphQLField] = type_.fields
        names = [name for name, one in fields.items() if deep or is_leaf_type(get_named_type(one.type))]
        names += 3 * [name for name in names if name in ACROSS]
        if not names:
            return "pageInfo" if "pageInfo" in fields else next(iter(fields))
        return self.rng.choice(names)

    def _field(self, type_: Any, name: str, scope: Scope, rows: int, depth: int) -> str:
        definition: GraphQLField = type_.fields[name]
        if isinstance(type_, GraphQLObjectType):
            self.covered.add(f"{type_.name}.{name}")
        merged = self._again(type_, name, scope)
        if merged is not None:
            key, arguments, below, reached = *merged, rows
        else:
            most = max(1, MAX_ROWS // rows)
            written = write_arguments(self.given, f"{type_.name}.{name}", definition, most)
            arguments, reached = written.text, rows * written.rows
            self.covered |= {f"{type_.name}.{name}({argument})" for argument in written.names}
            key, below = self._key(name, f"{type_.name}.{name}{definition.type}{arguments}", scope)
        text = name if key == name else f"{key}: {name}"
        text = f"{text}{arguments}{self._directives()}"
        inner = get_named_type(definition.type)
        if is_leaf_type(inner):
            return text
        return f"{text} {{ {self.selection(inner, below, reached, depth + 1)} }}"

    def _again(self, type_: Any, name: str, scope: Scope) -> tuple[str, str, Scope] | None:
        """A field that the scope has already, to be merged with."""
        start = f"{type_.name}.{name}{type_.fields[name].type}"
        for key, (what, below) in scope.taken.items():
            if what.startswith(start) and self.rng.random() < 0.5:
                self.features["merged field"] += 1
                return key, what.removeprefix(start), below
        return None

    def _key(self, name: str, what: str, scope: Scope) -> tuple[str, Scope]:
        key = name
        if self.always_alias or name in scope.taken or self.rng.random() < 0.12:
            self.names += 1
            key = f"{self.rng.choice(('a', 'a', '__class__', 'k' * 40))}{self.names}"
            self.features["alias"] += 1
        scope.taken[key] = what, Scope()
        return key, scope.taken[key][1]

    def _typename(self, scope: Scope) -> str:
        if "__typename" in scope.taken:
            return f"__typename{self._directives()}"
        key, _ = self._key("__typename", "__typename", scope)
        return f"{'' if key == '__typename' else f'{key}: '}__typename{self._directives()}"

    def _inline(self, type_: Any, scope: Scope, rows: int, depth: int) -> str:
        condition, target = "", type_
        if isinstance(type_, GraphQLInterfaceType):
            target = self.rng.choice([*self.schema.get_possible_types(type_), type_])
            condition = f" on {target.name}"
            self.features["fragment on an interface"] += 1
        elif self.rng.random() < 0.6:
            # A type's own fields, also by way of the interface that it implements.
            condition = f" on {self.rng.choice([type_, *type_.interfaces]).name}"
            target = self.schema.type_map[condition.removeprefix(" on ")]
        self.features["inline fragment"] += 1
        return f"...{condition}{self._directives()} {{ {self.selection(target, scope, rows, depth + 1)} }}"

    def _spread(self, type_: Any, scope: Scope, rows: int, depth: int) -> str:
        self.features["fragment spread"] += 1
        known = [one for one in self.fragments if one.type_name == type_.name and one.rows * rows <= MAX_ROWS]
        if known and self.rng.random() < 0.5:
            self.features["fragment spread again"] += 1
            return f"...{self.rng.choice(known).name}{self._directives()}"
        name = f"F{len(self.definitions) + 1}"
        self.definitions.append("")
        place = len(self.definitions) - 1
        reusable = self.rng.random() < 0.6
        with self._aliasing(reusable):
            body = self.selection(type_, Scope() if reusable else scope, rows, depth + 1)
        self.definitions[place] = f"fragment {name} on {type_.name} {{ {body} }}"
        if reusable:  # its keys are its own: no other field of a scope can clash with them
            self.fragments.append(Fragment(name, type_.name, rows))
        return f"...{name}{self._directives()}"

    @contextmanager
    def _aliasing(self, always: bool) -> Iterator[None]:
        before, self.always_alias = self.always_alias, always or self.always_alias
        yield
        self.always_alias = before

    def _directives(self) -> str:
        text = ""
        for name in ("skip", "include"):
            if self.rng.random() < 0.05:
                text += f" @{name}(if: {self.given.condition(mostly=name == 'include')})"
        return text

    def _viewer(self) -> str:
        [name] = self.rng.choices(list(VIEWERS), weights=list(VIEWERS.values()))
        return name
