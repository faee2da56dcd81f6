"""What an operation will cost, told from its text and its variables before anything runs.

A point is a row; a statement is worth STATEMENT of them. How many a field takes comes from its declaration
(words.py) and from `first` and `last`. The engine reads a level by one statement for all its parents, so a
selection's cost has two parts: what it takes once, and what it takes for each object that it is read for.
Lists in lists multiply the second part alone.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    is_abstract_type,
    is_introspection_type,
    is_leaf_type,
    is_non_null_type,
)
from graphql.type import SchemaMetaFieldDef, TypeMetaFieldDef

from app.engine.cost_terms import (
    Term,
    add,
    argument_of,
    either,
    evaluator,
    is_included,
    largest,
    length_of_list,
    length_of_page,
    smallest,
    times,
)
from app.engine.entities import entity_of_type
from app.engine.fields import (
    MAX_NODES,
    METADATA_KEY,
    Batch,
    CountOf,
    Lookup,
    Nodes,
    Own,
    Resolved,
    ToMany,
    ToOne,
)
from app.engine.output_types import is_list, named_type
from app.engine.pages import MAX_PAGE_SIZE
from app.engine.selection import strawberry_field

COST_KEY: Final = "cost"
"""Of a field's metadata: the points that it takes beside what is selected on it, such as a mutation's."""

STATEMENT: Final = 50
"""Points of a statement: it takes as long as about 50 rows do."""

_PRESENT: Final = 0.5
"""How often what may be null is not."""
_FILTERED: Final = 0.2
"""How much of a list its filter usually lets through."""
_PAYLOAD_ROWS: Final = 10
"""Rows in a list of them that a mutation returns."""
_INTROSPECTION_ROW: Final = 0.05
_INTROSPECTION_SIZES: Final = {"fields": 12, "args": 2, "enumValues": 6, "inputFields": 6, "possibleTypes": 6}
_META_FIELDS: Final = {"__schema": SchemaMetaFieldDef, "__type": TypeMetaFieldDef}


class Cost:
    """The cost of one operation, by the variables that a client sends with it."""

    def __init__(self, term: Term) -> None:
        self._points = evaluator(term)

    def of(self, variables: Mapping[str, Any] | None) -> int:
        points = self._points
        return max(1, math.ceil(points(variables or {}) if callable(points) else points))


def cost_of(schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode) -> Cost:
    """Of a validated document. Takes time in proportion to its fields, fragments expanded."""
    type_ = schema.get_root_type(operation.operation)
    compiler = _Compiler(schema, document, operation)
    part = compiler.selection(type_, [(operation.selection_set, 1)])
    return Cost(
        add(part.once, part.each, STATEMENT if operation.operation is OperationType.SUBSCRIPTION else 0)
    )


class Part(NamedTuple):
    """`once` for all parents, `each` for every one of them, `saved` of `once` when there is one parent alone:
    a connection's page comes with its statement."""

    once: Term = 0
    each: Term = 0
    saved: Term = 0

    @classmethod
    def merged(cls, parts: Sequence["Part"]) -> "Part":
        saved = largest([part.saved for part in parts])
        return cls(add(*(part.once for part in parts)), add(*(part.each for part in parts)), saved)

    def when(self, condition: Term) -> "Part":
        return Part(*(times(condition, term) for term in self))

    def if_present(self) -> "Part":
        """Below what may be null. Rows count in full: a client may ask for what it knows to be there."""
        return Part(times(_PRESENT, self.once), self.each, times(_PRESENT, self.saved))

    def of_one(self) -> "Part":
        """Of a row that a statement finds by itself."""
        below = self.if_present()
        return Part(add(STATEMENT, 1, below.once, below.each, times(-1.0, below.saved)))


_Sets = list[tuple[SelectionSetNode, Term]]
"""Selection sets that are merged, each with the condition under which it counts."""


@dataclass(slots=True)
class _Selected:
    node: FieldNode
    sets: _Sets
    conditions: list[Term]


class _Compiler:
    def __init__(
        self, schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode
    ) -> None:
        self._schema = schema
        self._fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }
        self._defaults = {
            definition.variable.name.value: definition.default_value
            for definition in operation.variable_definitions or ()
            if definition.default_value is not None
        }

    def selection(self, type_: Any, sets: _Sets, listed: Term | None = None) -> Part:
        """`listed`: how many rows the lists of the object hold, where its arguments have said so."""
        if is_abstract_type(type_):
            parts = [self.selection(one, sets) for one in self._schema.get_possible_types(type_)]
            return Part(*(largest(list(terms)) for terms in zip(*parts, strict=True)))
        selected: dict[str, _Selected] = {}
        for one, condition in sets:
            self._collect(type_, one, condition, selected)
        parts = [self._conditional(type_, one, listed) for one in selected.values()]
        return Part.merged(parts)

    def _collect(
        self,
        type_: GraphQLObjectType,
        set_: SelectionSetNode,
        condition: Term,
        selected: dict[str, _Selected],
    ) -> None:
        for node in set_.selections:
            included = times(condition, is_included(node.directives or (), self._defaults))
            if included == 0:
                continue
            if isinstance(node, FieldNode):
                key = node.alias.value if node.alias else node.name.value
                one = selected.setdefault(key, _Selected(node, [], []))
                one.conditions.append(included)
                if node.selection_set:
                    one.sets.append((node.selection_set, included))
                continue
            fragment: Any = node
            if isinstance(node, FragmentSpreadNode):
                fragment = self._fragments[node.name.value]
            if fragment.type_condition is None or self._applies(fragment.type_condition.name.value, type_):
                self._collect(type_, fragment.selection_set, included, selected)

    def _applies(self, name: str, type_: GraphQLObjectType) -> bool:
        condition = self._schema.type_map[name]
        return condition is type_ or (
            is_abstract_type(condition) and self._schema.is_sub_type(condition, type_)
        )

    def _conditional(self, type_: GraphQLObjectType, selected: _Selected, listed: Term | None) -> Part:
        condition = either(selected.conditions)
        if len(selected.sets) == 1:  # the field's own condition is the set's
            selected.sets = [(selected.sets[0][0], 1)]
        return self._field(type_, selected, listed).when(condition)

    def _field(self, type_: GraphQLObjectType, selected: _Selected, listed: Term | None) -> Part:
        name = selected.node.name.value
        definition = _META_FIELDS.get(name) or type_.fields.get(name)
        if definition is None:  # __typename
            return Part()
        below = named_type(definition.type)
        if is_introspection_type(below) or is_introspection_type(type_):
            return self._introspection(name, below, selected)
        field = strawberry_field(definition)
        if is_leaf_type(below) and METADATA_KEY not in field.metadata:
            return Part(field.metadata.get(COST_KEY, 0))
        declared = self._declared(field.metadata.get(METADATA_KEY), type_, below, selected)
        if declared is not None:
            return declared
        return self._undeclared(field.metadata.get(COST_KEY, 0), definition, below, selected, listed)

    def _declared(
        self, word: object, type_: GraphQLObjectType, below: Any, selected: _Selected
    ) -> Part | None:
        match word:
            case ToMany():
                return self._connection(word, below, selected)
            case ToOne() if entity_of_type(type_) is not None:
                always = is_non_null_type(type_.fields[selected.node.name.value].type)
                joined = self.selection(below, selected.sets)  # no statement of its own
                return joined if always else joined.if_present()
            case ToOne() | Lookup() | Own():
                return self.selection(below, selected.sets).of_one()
            case Nodes(many=False):
                # One statement looks for the id, the next reads what it is of.
                return Part(add(STATEMENT, 1, *self.selection(below, selected.sets).of_one()))
            case Nodes():
                part = self.selection(below, selected.sets).if_present()
                ids = length_of_list(argument_of(selected.node, "ids"), self._defaults, most=MAX_NODES)
                found = add(2 * STATEMENT, part.once, times(ids, add(2, part.each)))
                return Part(times(smallest(1, ids), found))
            case Resolved():
                page = self._length_of_page(selected, word.size, word.most)
                part = self.selection(below, selected.sets, page)
                return Part(add(word.statements * STATEMENT, page, part.once, part.each))
            case CountOf() | Batch():
                part = self.selection(below, selected.sets)
                return Part(add(STATEMENT, part.once), add(word.weight, part.each))
        return None

    def _undeclared(
        self, weight: float, definition: GraphQLField, below: Any, selected: _Selected, listed: Term | None
    ) -> Part:
        """What Python code returns: a payload, an object in it, rows in a list."""
        if is_leaf_type(below):
            return Part(weight)
        if entity_of_type(below) is None:
            part = self.selection(below, selected.sets, listed)
            return Part(add(weight, part.once), part.each)
        part = self.selection(below, selected.sets)
        if listed is not None:  # they have been read
            return Part(part.once, times(listed if is_list(definition.type) else 1, part.each))
        if not is_list(definition.type):
            return part.of_one()
        return Part(add(STATEMENT, part.once), times(_PAYLOAD_ROWS, add(1, part.each)))

    def _connection(self, word: ToMany, type_: Any, selected: _Selected) -> Part:
        parts: dict[str, _Selected] = {}
        for one, condition in selected.sets:
            self._collect(type_, one, condition, parts)
        reads = either([*_conditions(parts, "nodes", "edges", "pageInfo"), 0])
        counts = either([*_conditions(parts, "totalCount", "totalCountCapped"), 0])
        below = Part.merged([self._conditional(type_, one, 1) for one in parts.values()])
        filtered = word.filter_type is not None and argument_of(selected.node, "filter") is not None
        size = math.ceil(word.size * _FILTERED) if filtered else word.size
        page = times(reads, self._length_of_page(selected, size, MAX_PAGE_SIZE))
        statement = times(reads, STATEMENT)
        return Part(
            # Without a row in any of its pages what is below sends no statement.
            add(statement, times(counts, STATEMENT), times(size / (size + 1), below.once)),
            add(times(page, add(1, below.each)), counts),
            statement,
        )

    def _introspection(self, name: str, below: Any, selected: _Selected) -> Part:
        if not selected.sets:
            return Part()
        size = _INTROSPECTION_SIZES.get(name, len(self._schema.type_map) if name == "types" else 1)
        each = self.selection(below, selected.sets).each
        return Part(0, times(size, add(_INTROSPECTION_ROW, each)))

    def _length_of_page(self, selected: _Selected, size: int, most: int) -> Term:
        # Both may stand there, one of them null.
        given = [argument_of(selected.node, name) for name in ("first", "last")]
        lengths = [
            length_of_page(value, self._defaults, otherwise=size, most=most)
            for value in given
            if value is not None
        ]
        return largest(lengths) if lengths else size


def _conditions(parts: Mapping[str, _Selected], *names: str) -> list[Term]:
    return [either(one.conditions) for one in parts.values() if one.node.name.value in names]
