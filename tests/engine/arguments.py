"""Arguments at random: literals and variables of every kind, mostly such that something is found."""

import base64
import datetime as dt
import json
from dataclasses import dataclass
from functools import partial
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    is_required_argument,
)

from tests.engine.tenant_rows import DAY_ONE, FIRST_SEQ, TITLES, WORDS
from tests.engine.variables import LEFT_OUT, Given, Json, Name, literal

PAGE = ("first", "after", "last", "before")

MAX_FILTER_DEPTH = 3

MAX_PARTS = 30
"""Of a filter: TaskFlow refuses more than 50, which a test of its own shows."""
TELLING = ("title", "contains", "not", "or", "dueDate", "neq")
"""Parts of filters that are easily got wrong: asked for more often."""

LISTS = {"Query.nodes": 3, "Query.changes": 12}
"""How many rows the lists that are no connections hold at most."""


@dataclass(frozen=True)
class Written:
    text: str
    rows: int
    names: tuple[str, ...]


def write_arguments(given: Given, coordinate: str, definition: GraphQLField, most: int) -> Written:
    """`most`: how many rows a page may have."""
    rng, made = given.rng, _Arguments(given, coordinate)
    written: dict[str, str] = {}
    rows = LISTS.get(coordinate, 1)
    is_connection = "last" in definition.args
    if is_connection:
        sort = made.sort() if "sort" in definition.args else None
        if sort is not None:
            written["sort"] = made.place(definition, "sort", lambda: sort, again=False)
        page, rows = made.page(sort, most)
        for name, (value, kind) in page.items():
            given.features[kind] += 1
            again = name in ("first", "last")
            written[name] = made.place(definition, name, lambda value=value: value, again=again)
    else:
        for name, value in made.lookup().items():
            written[name] = made.place(definition, name, lambda value=value: value, again=False)
    for name, argument in definition.args.items():
        if name in written or made.chosen or (is_connection and name in (*PAGE, "sort")):
            continue
        if is_required_argument(argument) or rng.random() < given.chance_of(name):
            make = partial(made.value, argument.type, name)
            written[name] = made.place(definition, name, make, again=True)
    if not written:
        return Written("", rows, ())
    names = list(written)
    rng.shuffle(names)
    return Written("(" + ", ".join(f"{name}: {written[name]}" for name in names) + ")", rows, tuple(names))


class _Arguments:
    """The arguments of one field."""

    def __init__(self, given: Given, coordinate: str) -> None:
        self.given = given
        self.rng = given.rng
        self.values = given.values
        self.coordinate = coordinate
        self.chosen = False
        self._comparing = ""
        self._parts = 0

    def place(self, definition: GraphQLField, name: str, make: Any, *, again: bool) -> str:
        """The argument as a literal, one with variables in it, or a variable."""
        type_ = definition.args[name].type
        chance = self.rng.random()
        if chance < 0.5:
            value = self._with_variables(type_, make())
            return literal(value)
        first, second = make(), make() if again else None
        other = second if again else first
        nullable = not isinstance(type_, GraphQLNonNull)
        self.given.features["variable as an argument"] += 1
        if name in ("after", "before"):
            self.given.features["variable as a cursor"] += 1
        if nullable and chance < 0.58 and not self.chosen:
            self.given.features["variable left out or null"] += 1
            return literal(self.given.declare(str(type_), [self.rng.choice([LEFT_OUT, None]), other]))
        if chance < 0.68 and first is not None and not isinstance(first, dict | list):
            self.given.features["variable with a default"] += 1
            shown = str(type_).rstrip("!") + self.rng.choice(("", "!"))
            return literal(self.given.declare(shown, [LEFT_OUT, other], first))
        stricter = nullable and first is not None and other is not None and chance < 0.8
        shown = f"{type_}{'!' if stricter else ''}"
        return literal(self.given.declare(shown, [first, other]))

    def _with_variables(self, type_: Any, value: Json) -> Json:
        """Some of what stands in an input object or a list becomes variables."""
        inner = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
        if isinstance(inner, GraphQLInputObjectType) and isinstance(value, dict):
            return {name: self._maybe_variable(inner.fields[name].type, one) for name, one in value.items()}
        if isinstance(inner, GraphQLList) and isinstance(value, list):
            return [self._maybe_variable(inner.of_type, one) for one in value]
        return value

    def _maybe_variable(self, type_: Any, value: Json) -> Json:
        if value is not None and self.rng.random() < 0.3:
            self.given.features["variable inside a filter or list"] += 1
            kept = value if isinstance(type_, GraphQLNonNull) or self.rng.random() < 0.85 else LEFT_OUT
            return self.given.declare(str(type_), [kept, value])
        return self._with_variables(type_, value)

    def sort(self) -> list[dict[str, Name]] | None:
        chance = self.rng.random()
        if chance < 0.45:
            return None
        if chance < 0.97:
            return self.rng.choice(self.values.sorts)
        return [{"field": Name("RANK")}] * 2 if chance < 0.99 else []

    def page(self, sort: Json, most: int) -> tuple[dict[str, tuple[Json, str]], int]:
        """The arguments of a page with what they are, and how many rows it has at most."""
        size = self.rng.randint(1, max(1, min(6, most)))
        cursors = self.values.cursors.get(self.coordinate, {}).get(json.dumps(sort), [])
        cursor = (self.rng.choice(cursors), "cursor") if cursors else None
        chance = self.rng.random()
        if chance < 0.035:
            return self._wrong_page(), size
        if cursor and chance < 0.2:
            return {"first": (size, "page forward"), "after": cursor}, size
        if cursor and chance < 0.32:
            return {"last": (size, "page backward"), "before": cursor}, size
        if cursor and chance < 0.36 and most >= 20:
            return {self.rng.choice(("after", "before")): cursor}, 20
        if chance < 0.5:
            return {"last": (size, "page backward")}, size
        if chance < 0.65 and most >= 20:
            return {}, 20
        return {"first": (size, "page forward")}, size

    def _wrong_page(self) -> dict[str, tuple[Json, str]]:
        pools = [pool for of_sort in self.values.cursors.values() for pool in of_sort.values() if pool]
        stranger = self.rng.choice(self.rng.choice(pools))
        wrong: list[dict[str, Json]] = [
            {"first": 0},
            {"last": 101},
            {"first": 1, "last": 1},
            {"first": 1, "before": stranger},
            {"after": "nonsense"},
            {"after": stranger},
            {"after": stranger},
            {"after": base64.urlsafe_b64encode(b'[1,"000000000000","x"]').decode()},
        ]
        return {name: (value, "wrong page") for name, value in self.rng.choice(wrong).items()}

    def lookup(self) -> dict[str, Json]:
        """The arguments of the fields that find one row by one of several keys."""
        keys = {"Query.task": "identifier", "Query.project": "key", "Query.workspace": "slug"}
        if self.coordinate not in keys:
            return {}
        self.chosen = True
        key = keys[self.coordinate]
        if self.rng.random() < 0.5:
            return {"id": self._id(self.coordinate.removeprefix("Query.").capitalize())}
        if self.rng.random() < 0.04:
            return {}
        found = {key: self._text(key)}
        if key != "slug" and self.rng.random() < 0.8:
            found["workspaceId"] = self._id("Workspace")
        return found

    def value(self, type_: Any, name: str, depth: int = 0, owner: str = "") -> Json:
        if depth == 0 and not isinstance(type_, GraphQLNonNull) and self.rng.random() < 0.03:
            return None
        if isinstance(type_, GraphQLNonNull):
            type_ = type_.of_type
        if isinstance(type_, GraphQLList):
            if name not in ("and", "or") and self.rng.random() < 0.1:
                return self.value(type_.of_type, name, depth + 1, owner)  # one value counts as a list of it
            size = self.rng.choice((0, 1, 1, 2, 3, 3))
            return [self.value(type_.of_type, name, depth + 1, owner) for _ in range(size)]
        if isinstance(type_, GraphQLInputObjectType):
            return self._object(type_, depth, owner)
        if isinstance(type_, GraphQLEnumType):
            return Name(self.rng.choice(list(type_.values)))
        return self._scalar(type_.name, name, owner)

    def _object(self, type_: GraphQLInputObjectType, depth: int, owner: str) -> Json:
        names = list(type_.fields)
        if depth > MAX_FILTER_DEPTH:
            names = [name for name in names if name not in ("and", "or", "not")]
        if self._parts > MAX_PARTS:
            return {}
        names += [name for name in names if name in TELLING] * 2
        chosen = list(dict.fromkeys(self.rng.choices(names, k=self.rng.choice((0, 1, 1, 1, 1, 1, 2, 2, 3)))))
        kind = owner
        if type_.name.endswith("Filter"):
            kind = type_.name.removesuffix("Filter")
            kind = {"ParentTask": "Task", "Labels": "Label"}.get(kind, kind)
        made = {}
        for name in chosen:
            # A comparator's operators carry no name: that of the field above says what is compared.
            below = name if type_.name.endswith("Filter") else self._comparing
            if type_.name.endswith("Filter"):
                self._comparing = name
            self._parts += 1
            self.given.covered.add(f"{type_.name}.{name}")
            made[name] = self.value(type_.fields[name].type, below, depth + 1, kind)
        if self.rng.random() < 0.01 and made:
            made[chosen[0]] = None
        return made

    def _scalar(self, scalar: str, name: str, owner: str) -> Json:
        rng = self.rng
        match scalar:
            case "ID":
                return self._named_id(name, owner)
            case "String":
                return self._text(name)
            case "Boolean":
                return rng.random() < 0.5
            case "Int":
                return rng.randint(1, 12)
            case "Float":
                return rng.choice((0, 0.5, 1, 1.0, 2.5, 1e21, -3))
            case "BigInt":
                seq = rng.choice((0, *(FIRST_SEQ + n for n in range(20)), FIRST_SEQ + 10_000, -1))
                return rng.choice((seq, str(seq)))
            case "Date":
                return rng.choice(("2026-02-01", "2026-03-15", "0001-01-01", "9999-12-31", "2026-02-02"))
            case "DateTime":
                return self._moment()
        raise AssertionError(f"no values for {scalar}")

    def _moment(self) -> str:
        hours, microseconds = self.rng.randint(0, 15), self.rng.choice((0, 123456))
        moment = DAY_ONE + dt.timedelta(hours=hours, microseconds=microseconds)
        zone = self.rng.choice((dt.UTC, dt.timezone(dt.timedelta(hours=5, minutes=30))))
        return moment.astimezone(zone).isoformat()

    def _text(self, name: str) -> str:
        match name:
            case "identifier":
                return self.rng.choice([*self.values.identifiers, "aaa-2", "nothing"])
            case "key":
                return self.rng.choice(("AAA", "bbb", "CCC", "CC", "ZZZ"))
            case "slug":
                return self.rng.choice([*self.values.slugs, "nowhere"])
            case "email":
                return self.rng.choice(("alex@example.com", "@EXAMPLE", "lou"))
        title = self.rng.choice(TITLES)
        start = self.rng.randint(0, 8)
        if name == "title":
            return self.rng.choice((title, title[start : start + 4].upper(), "0% d", "%", "_", "\\"))
        return self.rng.choice((title, "%", *WORDS))

    def _named_id(self, name: str, owner: str) -> Json:
        if name == "epoch":
            return self.rng.choice([*self.values.ids["epoch"], "nonsense"])
        kinds = {"workspaceId": "Workspace", "ids": "", "id": owner}
        return self._id(kinds.get(name, owner))

    def _id(self, kind: str) -> Json:
        chance = self.rng.random()
        if chance < 0.06:
            self.given.features["id that misses"] += 1
            return self.rng.choice(("nonsense", "", 5, "00000000-0000-4000-8000-000000000000"))
        pool = self.values.ids.get(kind) or self.values.ids[self.rng.choice(sorted(self.values.ids))]
        found = self.rng.choice(pool)
        if chance < 0.08:
            self.given.features["id that misses"] += 1
            return found.upper()
        self.given.features["id that exists"] += 1
        return found
