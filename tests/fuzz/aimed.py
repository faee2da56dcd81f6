"""Aims generated documents at real rows: made up ids, names and page sizes would find nothing."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from graphql import (
    ArgumentNode,
    BooleanValueNode,
    FieldNode,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInterfaceType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    IntValueNode,
    ListValueNode,
    NameNode,
    NullValueNode,
    ObjectFieldNode,
    ObjectValueNode,
    SelectionSetNode,
    StringValueNode,
    TypeInfo,
    TypeInfoVisitor,
    ValueNode,
    Visitor,
    get_named_type,
    is_list_type,
    is_required_argument,
    is_required_input_field,
    parse,
    print_ast,
    visit,
)

from tests.harness.people import PASSWORD, unique, unique_key

# Of an argument that takes an id, what kind it means; `id` itself says its field.
_KINDS = {
    "workspaceId": "Workspace",
    "projectId": "Project",
    "project": "Project",
    "statusId": "Status",
    "status": "Status",
    "taskId": "Task",
    "relatedTaskId": "Task",
    "beforeId": "Task",
    "afterId": "Task",
    "assigneeId": "User",
    "assignee": "User",
    "creator": "User",
    "labelIds": "Label",
    "addLabelIds": "Label",
    "removeLabelIds": "Label",
    "labels": "Label",
    "memberRemove": "Member",
    "taskRelationDelete": "TaskRelation",
    "workspace": "Workspace",
    "epoch": "Epoch",
}
# What may be left out and, left as it was made up, would have the whole document refused.
_MEANINGLESS = {"after", "before", "last", "idempotencyKey", "expectedVersion", "slug", "key", "identifier"}
# Of these one excludes the other.
_ALTERNATIVES = {"labelIds": {"addLabelIds", "removeLabelIds"}, "workspaceId": {"projectId"}}
# Mutations after which nothing else would be answered: tried, not done.
_ENDING = {"signOut", "accountDelete", "sessionRevoke", "memberRemove", "passwordChange"}


@dataclass(frozen=True)
class Aim:
    """`ids` by kind. An aimed document is the same for the same `seed`."""

    schema: GraphQLSchema
    ids: Mapping[str, Sequence[str]]
    seed: int
    undirected: float = 0.1
    """The share of documents that stay as they were made up."""

    def at_rows(self, document: str) -> str:
        rng = random.Random(f"{self.seed} {document}")
        if rng.random() < self.undirected:
            return document
        info = TypeInfo(self.schema)
        return print_ast(visit(parse(document), TypeInfoVisitor(info, _Aiming(info, self, rng))))


class _Aiming(Visitor):
    def __init__(self, info: TypeInfo, aim: Aim, rng: random.Random) -> None:
        super().__init__()
        self._info = info
        self._ids = aim.ids
        self._mutation = aim.schema.mutation_type
        self._rng = rng

    def leave_field(self, node: FieldNode, *_: object) -> FieldNode:
        field = self._info.get_field_def()
        if field is None or not node.arguments:
            return node
        name = node.name.value
        kept = []
        for argument in node.arguments:
            definition = field.args[argument.name.value]
            if not is_required_argument(definition) and self._leaves_out(argument.name.value):
                continue
            value = self._value(argument.value, definition.type, (name, argument.name.value))
            kept.append(ArgumentNode(name=argument.name, value=value))
        if name in _ENDING and self._info.get_parent_type() is self._mutation:
            kept = [argument for argument in kept if argument.name.value != "validateOnly"]
            kept.append(ArgumentNode(name=NameNode(value="validateOnly"), value=BooleanValueNode(value=True)))
        return replace(node, arguments=tuple(kept))

    def leave_selection_set(self, node: SelectionSetNode, *_: object) -> SelectionSetNode:
        """Asks for ids besides, so that an answer shows whether a row was found."""
        type_ = self._info.get_parent_type()
        known = {one.name.value for one in node.selections if isinstance(one, FieldNode) and not one.alias}
        more = [one for one in _identifying(type_, depth=2) if one.name.value not in known]
        return replace(node, selections=(*node.selections, *more))

    def _leaves_out(self, name: str) -> bool:
        return name in _MEANINGLESS or (name == "filter" and self._rng.random() < 0.7)

    def _value(self, value: ValueNode, type_: GraphQLInputType, path: tuple[str, ...]) -> ValueNode:
        if isinstance(type_, GraphQLNonNull):
            return self._value(value, type_.of_type, path)
        if is_list_type(type_):
            values = value.values if isinstance(value, ListValueNode) else ()
            return ListValueNode(values=tuple(self._value(one, type_.of_type, path) for one in values))
        if isinstance(type_, GraphQLInputObjectType):
            return self._object(value, type_, path) if isinstance(value, ObjectValueNode) else value
        if isinstance(value, NullValueNode) and path[-1] != "id":
            return value
        return self._scalar(value, get_named_type(type_).name, path)

    def _object(
        self, value: ObjectValueNode, type_: GraphQLInputObjectType, path: tuple[str, ...]
    ) -> ObjectValueNode:
        names = {field.name.value for field in value.fields}
        excluded = {other for name in names for other in _ALTERNATIVES.get(name, ())}
        kept = []
        for field in value.fields:
            name, definition = field.name.value, type_.fields[field.name.value]
            optional = not is_required_input_field(definition)
            if optional and (name in excluded or (name in ("id", "parentId") and path[-1] == "input")):
                continue
            kept.append(
                ObjectFieldNode(
                    name=field.name, value=self._value(field.value, definition.type, (*path, name))
                )
            )
        return ObjectValueNode(fields=tuple(kept))

    def _scalar(self, value: ValueNode, type_name: str, path: tuple[str, ...]) -> ValueNode:
        name = path[-1]
        if type_name == "ID":
            return StringValueNode(value=self._id(path))
        if type_name == "String" and (known := self._text(name)) is not None:
            return StringValueNode(value=known)
        if name == "first":
            return IntValueNode(value=str(self._rng.randint(1, 5)))
        if type_name == "BigInt":
            return StringValueNode(value="0")
        return value

    def _id(self, path: tuple[str, ...]) -> str:
        for name in reversed(path):
            if name in _KINDS:
                return self._rng.choice(self._ids[_KINDS[name]])
        if path[0].startswith("task"):
            return self._rng.choice(self._ids["Task"])
        return self._rng.choice(self._ids[self._rng.choice([kind for kind in self._ids if kind != "Epoch"])])

    def _text(self, name: str) -> str | None:
        match name:
            case "email":
                return f"{unique('somebody')}@example.com"
            case "password" | "currentPassword" | "newPassword":
                return PASSWORD
            case "slug":
                return unique("fuzz")
            case "key":
                return unique_key()
            case "name" | "title" | "body":
                return unique("Fuzzed")
            case "color":
                return "#a1b2c3"
        return None


def _identifying(type_: GraphQLOutputType | None, depth: int) -> list[FieldNode]:
    """`id`, or the fields that lead to one: the nodes of a connection, the object of a payload."""
    if not isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
        return []
    if "id" in type_.fields:
        return [FieldNode(name=NameNode(value="id"))]
    leading = []
    for name, field in type_.fields.items():
        below = _identifying(get_named_type(field.type), depth - 1) if depth and not field.args else []
        if below and name not in ("edges", "viewer"):
            leading.append(
                FieldNode(name=NameNode(value=name), selection_set=SelectionSetNode(selections=tuple(below)))
            )
    return leading
