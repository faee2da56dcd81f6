"""Parses and validates documents, and remembers those that were fine."""

import re
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from graphql import (
    ArgumentNode,
    DocumentNode,
    GraphQLError,
    Node,
    NoSchemaIntrospectionCustomRule,
    ObjectFieldNode,
    OperationDefinitionNode,
    OperationType,
    ValueNode,
    Visitor,
    parse,
    specified_rules,
    visit,
)
from graphql.validation.rules import overlapping_fields_can_be_merged
from strawberry import Schema
from strawberry.schema.schema import validate_document

from app.config import Settings
from app.engine.cost import Cost, cost_of
from app.web.errors import (
    BAD_REQUEST,
    PARSE_FAILED,
    TOO_DEEP,
    TOO_MANY_FIELDS,
    TOO_MANY_TOKENS,
    VALIDATION_FAILED,
    DocumentErrors,
    RequestError,
)
from app.web.graphql_request import GraphQLRequest
from app.web.limits import Limits

# How many fields that answer under one key are compared; they hold the event loop meanwhile. It was 500,000.
overlapping_fields_can_be_merged.MAX_COMPLEXITY_BUDGET = 100_000

_TOO_LONG: Final = re.compile(r"more than \d+ (tokens|comments)")
_REMEMBERED: Final = 1_000
_REMEMBERED_LENGTH: Final = 10_000
# Characters. A document and each plan of it take up to 165 bytes for one: 300 MB at the worst, in all.
_REMEMBERED_IN_ALL: Final = 400_000
_TOO_DEEP = (
    "The document is nested too deeply to be read. "
    "Read an object by its id and go on from there in another operation."
)
_TOO_MANY_COMPARISONS = (
    "The document selects the same fields too often under the same keys. "
    "Select each once, or send several documents."
)


@dataclass(frozen=True, slots=True)
class PreparedOperation:
    document: DocumentNode
    node: OperationDefinitionNode
    name: str | None
    type: OperationType
    cost: Cost


class Documents:
    def __init__(self, schema: Schema, settings: Settings) -> None:
        self._schema = schema
        self._rules = tuple(specified_rules)
        if not settings.introspection:
            self._rules += (NoSchemaIntrospectionCustomRule,)
        self._max_tokens = settings.max_tokens
        self._limits = Limits.of(settings)
        self._valid: OrderedDict[tuple[str, str | None], PreparedOperation] = OrderedDict()
        self._characters = 0

    def prepare(self, request: GraphQLRequest) -> PreparedOperation:
        """Raises DocumentErrors, or RequestError when the request does not say which operation to run."""
        key = (request.query, request.operation_name)
        known = self._valid.get(key)
        if known is not None:
            self._valid.move_to_end(key)
            return known
        try:
            return self._remember(key, self._prepare(request))
        except RecursionError:
            raise RequestError(400, TOO_DEEP, _TOO_DEEP) from None

    def _prepare(self, request: GraphQLRequest) -> PreparedOperation:
        document = self._parse(request.query)
        node = _select(document, request.operation_name)
        self._limits.check_document(document)  # first: validation takes longer than in proportion
        self._validate(document)
        name = node.name.value if node.name else None
        cost = cost_of(self._schema._schema, document, node)
        return PreparedOperation(document, node, name, node.operation, cost)

    def _parse(self, text: str) -> DocumentNode:
        maximum = self._max_tokens
        try:
            return parse(text, max_lexical_tokens=maximum, max_comments=maximum)
        except GraphQLError as error:
            if _TOO_LONG.search(error.message):
                raise RequestError(400, TOO_MANY_TOKENS, _too_many_tokens(maximum)) from None
            raise DocumentErrors(PARSE_FAILED, [error]) from None

    def _validate(self, document: DocumentNode) -> None:
        errors = validate_document(self._schema._schema, document, self._rules)
        if any(error.message == "Validation aborted." for error in errors):
            raise RequestError(400, TOO_MANY_FIELDS, _TOO_MANY_COMPARISONS)
        if errors:
            named = [_naming_the_field(error, document) for error in errors]
            raise DocumentErrors(VALIDATION_FAILED, _said_once(named))

    def _remember(self, key: tuple[str, str | None], operation: PreparedOperation) -> PreparedOperation:
        if len(key[0]) <= _REMEMBERED_LENGTH:
            self._valid[key] = operation
            self._characters += len(key[0])
            while len(self._valid) > _REMEMBERED or self._characters > _REMEMBERED_IN_ALL:
                (text, _), _ = self._valid.popitem(last=False)
                self._characters -= len(text)
        return operation


def _said_once(errors: Sequence[GraphQLError]) -> list[GraphQLError]:
    """One error for a fault in many places: a short document has no long answer."""
    alike: dict[str, list[GraphQLError]] = {}
    for error in errors:
        alike.setdefault(error.message, []).append(error)
    return [
        same[0]
        if len(same) == 1
        else GraphQLError(message, [node for one in same for node in one.nodes or ()])
        for message, same in alike.items()
    ]


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


def _too_many_tokens(maximum: int) -> str:
    return (
        f"The document holds more than {maximum:,} tokens (names, signs and values), or as many comments. "
        "Send values as variables, and several smaller documents."
    )


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
