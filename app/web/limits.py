"""What an operation may be made of: told before it is validated, in time linear in what was sent."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final, NoReturn

import orjson
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValueNode,
)

from app.config import Settings
from app.web.errors import (
    BAD_REQUEST,
    COST_TOO_HIGH,
    PAYLOAD_TOO_LARGE,
    TOO_DEEP,
    TOO_MANY_ALIASES,
    TOO_MANY_DIRECTIVES,
    TOO_MANY_FIELDS,
    TOO_MANY_ROOT_FIELDS,
    TOO_MANY_VALUES,
    RequestError,
)

MAX_FIELDS: Final = 2_000
"""Fields that an operation selects, fragments expanded."""

MAX_VALUES: Final = 5_000
"""Values in an operation's variables: entries of lists and of objects, at every level, and variables that are
neither."""

MAX_VALUE_DEPTH: Final = 32
"""Levels of lists and objects in the variables. A filter of 8 levels in an input takes 20."""

MAX_INPUT_FIELDS: Final = 100
"""Fields of one object in the variables or in a literal. No input type has as many."""

MAX_ALIAS: Final = 100
"""Characters of an alias: it stands in the answer as often as its field."""

MAX_SUBSCRIPTION: Final = 16_384
"""Characters of a subscription's document and variables: they are held for as long as it runs."""

_INTROSPECTION_DEPTH: Final = 25
"""Types of types are deep by nature; what is asked of all types at once is bounded by its cost."""
_INTROSPECTION: Final = frozenset({"__schema", "__type"})


@dataclass(frozen=True, slots=True)
class Limits:
    """Those of an operation that are settings; 0 sets none."""

    depth: int
    aliases: int
    root_fields: int
    directives: int
    cost: int

    @classmethod
    def of(cls, settings: Settings) -> "Limits":
        return cls(**{field.name: getattr(settings, f"max_{field.name}") for field in fields(cls)})

    def check_document(self, document: DocumentNode) -> None:
        """Of each operation, fragments expanded. Raises RequestError. The document need not be valid."""
        sizes = _Sizes(document)
        for definition in document.definitions:
            if isinstance(definition, OperationDefinitionNode):
                self._check(sizes.of(definition))
                for variable in definition.variable_definitions or ():
                    _check_literal(variable.default_value)
            elif isinstance(definition, FragmentDefinitionNode):  # which no operation may spread
                _check_fields(sizes.of(definition))

    def check_cost(self, cost: int) -> None:
        """Raises RequestError."""
        if self.cost and cost > self.cost:
            _refuse(
                COST_TOO_HIGH,
                f"The operation would cost {cost:,} points; the limit is {self.cost:,}. "
                "Ask for shorter pages by first, above all where lists stand in lists, or for less.",
            )

    def _check(self, size: "_Size") -> None:
        _check_fields(size)
        if size.depth > self.depth:
            _refuse(
                TOO_DEEP,
                f"The operation is {size.depth:,} levels deep; the limit is {self.depth:,}. "
                "Read an object by its id and go on from there in another operation.",
            )
        if size.introspection_depth > _INTROSPECTION_DEPTH:
            _refuse(
                TOO_DEEP,
                f"The introspection is {size.introspection_depth:,} deep; the limit: {_INTROSPECTION_DEPTH}. "
                "Ask for fewer levels of ofType.",
            )
        if self.aliases and size.aliases > self.aliases:
            _refuse(
                TOO_MANY_ALIASES,
                f"There are {size.aliases:,} aliases, fragments expanded; the limit is {self.aliases:,}. "
                "Send several operations, or ask for many objects at once by nodes.",
            )
        if self.root_fields and size.root_fields > self.root_fields:
            _refuse(
                TOO_MANY_ROOT_FIELDS,
                f"The operation has {size.root_fields:,} root fields; the limit is {self.root_fields:,}. "
                "Send several operations.",
            )
        if self.directives and size.directives > self.directives:
            _refuse(
                TOO_MANY_DIRECTIVES,
                f"The operation holds {size.directives:,} directives, fragments expanded; the limit is "
                f"{self.directives:,}. Put one directive around several fields by an inline fragment.",
            )


def _check_fields(size: "_Size") -> None:
    if size.fields > MAX_FIELDS:
        _refuse(
            TOO_MANY_FIELDS,
            f"There are {size.fields:,} fields, fragments expanded; the limit is {MAX_FIELDS:,} fields. "
            "Send several smaller ones.",
        )


def check_variables(variables: Mapping[str, object] | None) -> None:
    """Counts values and their depth, and stops beyond a limit: to fit them to their types takes much longer.
    Raises RequestError."""
    if not variables:
        return
    level: list[object] = [value for value in variables.values() if type(value) in (dict, list)]
    total = len(variables) - len(level)
    _check_values(total)
    for _ in range(MAX_VALUE_DEPTH):
        below: list[object] = []
        for value in level:
            if isinstance(value, dict):
                if len(value) > MAX_INPUT_FIELDS:
                    _check_input_fields(len(value))
                entries = list(value.values())
            else:
                assert isinstance(value, list)  # noqa: S101 - nothing else is put in
                entries = value
            total += len(entries)
            _check_values(total)
            below += [entry for entry in entries if type(entry) in (dict, list)]
        level = below
        if not level:
            return
    _refuse(
        TOO_DEEP,
        f"The variables are {MAX_VALUE_DEPTH + 1} levels deep, or deeper; the limit is {MAX_VALUE_DEPTH}. "
        "Use fewer levels of and, or and not.",
    )


def check_subscription(document: str, variables: Mapping[str, object] | None) -> None:
    """Raises RequestError."""
    size = len(document) + (len(orjson.dumps(variables)) if variables else 0)
    if size > MAX_SUBSCRIPTION:
        raise RequestError(
            413,
            PAYLOAD_TOO_LARGE,
            f"The subscription has {size:,} characters in its document and variables; the limit is "
            f"{MAX_SUBSCRIPTION:,}, as they are held while it runs. Ask for less, and without comments.",
        )


@dataclass(slots=True)
class _Size:
    fields: int = 0
    aliases: int = 0
    directives: int = 0
    root_fields: int = 0
    depth: int = 0
    introspection_depth: int = 0
    """Of what stands below __schema and __type, which `depth` leaves out."""


class _Sizes:
    """Each fragment is measured once, however often it is spread."""

    def __init__(self, document: DocumentNode) -> None:
        self._fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }
        self._known: dict[str, _Size] = {}

    def of(self, definition: OperationDefinitionNode | FragmentDefinitionNode) -> _Size:
        if isinstance(definition, FragmentDefinitionNode):
            return self._of_fragment(definition.name.value)
        size = self._of_set(definition.selection_set)
        size.directives += len(definition.directives or ())
        return size

    def _of_fragment(self, name: str) -> _Size:
        if name not in self._known:
            # A fragment that reaches itself adds nothing to itself here, and validation refuses it.
            self._known[name] = _Size()
            definition = self._fragments.get(name)
            if definition is not None:
                size = self._of_set(definition.selection_set)
                size.directives += len(definition.directives or ())
                self._known[name] = size
        return self._known[name]

    def _of_set(self, selections: SelectionSetNode | None) -> _Size:
        """`root_fields` counts the fields of the set itself."""
        size = _Size()
        for node in selections.selections if selections else ():
            if isinstance(node, FieldNode):
                self._add_field(size, node)
            elif isinstance(node, FragmentSpreadNode):
                _add(size, self._of_fragment(node.name.value))
            else:
                _add(size, self._of_set(getattr(node, "selection_set", None)))
            size.directives += len(node.directives or ())
        return size

    def _add_field(self, size: _Size, node: FieldNode) -> None:
        _check_field(node)
        below = self._of_set(node.selection_set)
        below.root_fields = 1
        below.fields += 1
        below.aliases += node.alias is not None
        if node.name.value in _INTROSPECTION:
            below.introspection_depth = max(below.depth, below.introspection_depth) + 1
            below.depth = 1
        else:
            below.depth += 1
            below.introspection_depth += below.introspection_depth > 0
        _add(size, below)


def _check_field(node: FieldNode) -> None:
    if node.alias is not None and len(node.alias.value) > MAX_ALIAS:
        _refuse(
            BAD_REQUEST,
            f"An alias has {len(node.alias.value):,} characters; the limit is {MAX_ALIAS}.",
        )
    for argument in node.arguments or ():
        _check_literal(argument.value)


def _check_literal(value: ValueNode | None) -> None:
    if not isinstance(value, ObjectValueNode | ListValueNode):
        return
    nested: list[ValueNode] = [value]
    while nested:
        match nested.pop():
            case ObjectValueNode(fields=given):
                _check_input_fields(len(given))
                nested += [field.value for field in given]
            case ListValueNode(values=values):
                nested += values


def _check_values(number: int) -> None:
    if number > MAX_VALUES:
        _refuse(
            TOO_MANY_VALUES,
            f"The variables hold {number:,} values, or more; the limit is {MAX_VALUES:,}. "
            "Send several operations.",
        )


def _check_input_fields(number: int) -> None:
    if number > MAX_INPUT_FIELDS:
        _refuse(
            TOO_MANY_VALUES,
            f"An object holds {number:,} fields; the limit is {MAX_INPUT_FIELDS}, and no input has as many.",
        )


def _add(size: _Size, other: _Size) -> None:
    size.fields += other.fields
    size.aliases += other.aliases
    size.directives += other.directives
    size.root_fields += other.root_fields
    size.depth = max(size.depth, other.depth)
    size.introspection_depth = max(size.introspection_depth, other.introspection_depth)


def _refuse(code: str, message: str) -> NoReturn:
    raise RequestError(400, code, message)
