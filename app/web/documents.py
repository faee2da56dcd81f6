"""Parses and validates documents, and remembers those that were fine."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from graphql import (
    ArgumentNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    Node,
    ObjectFieldNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    ValueNode,
    Visitor,
    parse,
    specified_rules,
    visit,
)
from strawberry import Schema
from strawberry.schema.schema import validate_document

from app.web.errors import (
    BAD_REQUEST,
    PARSE_FAILED,
    VALIDATION_FAILED,
    DocumentErrors,
    RequestError,
)
from app.web.graphql_request import GraphQLRequest

MAX_TOKENS: Final = 10_000
"""Lexical tokens of a document: parsing and validating hold the event loop meanwhile."""

MAX_FIELDS: Final = 2_000
"""Fields that an operation selects, fragments expanded."""

_REMEMBERED: Final = 1_000
_REMEMBERED_LENGTH: Final = 10_000
# Characters. A document and each plan of it take up to 165 bytes for one: 300 MB at the worst, in all.
_REMEMBERED_IN_ALL: Final = 400_000
_TOO_DEEP = "The document is nested too deeply."
_TOO_LARGE = (
    f"The operation selects more than {MAX_FIELDS:,} fields, fragments expanded: send several smaller ones."
)


@dataclass(frozen=True, slots=True)
class PreparedOperation:
    document: DocumentNode
    node: OperationDefinitionNode
    name: str | None
    type: OperationType


class Documents:
    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._valid: OrderedDict[tuple[str, str | None], PreparedOperation] = OrderedDict()
        self._characters = 0

    def prepare(self, request: GraphQLRequest) -> PreparedOperation:
        """Raises DocumentErrors, or RequestError when the request does not say which operation to run."""
        key = (request.query, request.operation_name)
        known = self._valid.get(key)
        if known is not None:
            self._valid.move_to_end(key)
            return known
        document = _parse(request.query)
        node = _select(document, request.operation_name)
        self._validate(document)
        _check_size(document)
        name = node.name.value if node.name else None
        return self._remember(key, PreparedOperation(document, node, name, node.operation))

    def _validate(self, document: DocumentNode) -> None:
        try:
            errors = validate_document(self._schema._schema, document, tuple(specified_rules))
        except RecursionError:
            raise RequestError(400, BAD_REQUEST, _TOO_DEEP) from None
        if errors:
            raise DocumentErrors(VALIDATION_FAILED, [_naming_the_field(error, document) for error in errors])

    def _remember(self, key: tuple[str, str | None], operation: PreparedOperation) -> PreparedOperation:
        if len(key[0]) <= _REMEMBERED_LENGTH:
            self._valid[key] = operation
            self._characters += len(key[0])
            while len(self._valid) > _REMEMBERED or self._characters > _REMEMBERED_IN_ALL:
                (text, _), _ = self._valid.popitem(last=False)
                self._characters -= len(text)
        return operation


def _check_size(document: DocumentNode) -> None:
    """Refuses what a few fragments that spread each other twice would make of a short text."""
    fragments = {
        node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
    }
    sizes: dict[str, int] = {}

    def size(selections: SelectionSetNode | None) -> int:
        total = 0
        for selection in selections.selections if selections else ():
            if isinstance(selection, FragmentSpreadNode):
                name = selection.name.value
                if name not in sizes:  # validated: no fragment reaches itself
                    sizes[name] = size(fragments[name].selection_set)
                total += sizes[name]
            elif isinstance(selection, FieldNode | InlineFragmentNode):
                total += isinstance(selection, FieldNode) + size(selection.selection_set)
        return total

    for operation in document.definitions:
        if isinstance(operation, OperationDefinitionNode) and size(operation.selection_set) > MAX_FIELDS:
            raise RequestError(400, BAD_REQUEST, _TOO_LARGE)


def _naming_the_field(error: GraphQLError, document: DocumentNode) -> GraphQLError:
    """An error of a literal says which argument it stands in, `input.dueDate`, as one of a variable does."""
    node = error.nodes[0] if error.nodes else None
    if not isinstance(node, ValueNode) or node.loc is None:
        return error
    where, names = node.loc, list[str]()

    class Enclosing(Visitor):
        def enter(self, around: Node, *_: object) -> None:
            span = around.loc if isinstance(around, ArgumentNode | ObjectFieldNode) else None
            if span is not None and span.start <= where.start and where.end <= span.end:
                names.append(around.name.value)  # type: ignore[attr-defined]  # span says which it is

    visit(document, Enclosing())
    return GraphQLError(f"{'.'.join(names)}: {error.message}", error.nodes) if names else error


def _parse(text: str) -> DocumentNode:
    try:
        return parse(text, max_lexical_tokens=MAX_TOKENS)
    except GraphQLError as error:
        raise DocumentErrors(PARSE_FAILED, [error]) from None
    except RecursionError:
        raise RequestError(400, BAD_REQUEST, _TOO_DEEP) from None


def _select(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    if not operations:
        raise RequestError(400, BAD_REQUEST, "The document holds no operation.")
    if name is None:
        if len(operations) > 1:
            raise RequestError(
                400, BAD_REQUEST, "The document holds several operations: `operationName` must name one."
            )
        return operations[0]
    for operation in operations:
        if operation.name is not None and operation.name.value == name:
            return operation
    raise RequestError(400, BAD_REQUEST, "The document holds no operation with the name in `operationName`.")
