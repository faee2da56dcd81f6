"""Parses and validates documents, and remembers those that were fine."""

import re
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from graphql import (
    DocumentNode,
    GraphQLError,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OperationType,
    parse,
    specified_rules,
)
from strawberry import Schema

from app.config import Settings
from app.engine.cost import Cost, cost_of
from app.web.errors import (
    BAD_REQUEST,
    PARSE_FAILED,
    TOO_DEEP,
    TOO_MANY_TOKENS,
    DocumentErrors,
    RequestError,
)
from app.web.graphql_request import GraphQLRequest
from app.web.limits import Limits
from app.web.validation import check_valid

_TOO_LONG: Final = re.compile(r"more than \d+ (tokens|comments)")
_REMEMBERED: Final = 1_000
_REMEMBERED_LENGTH: Final = 10_000
# Characters. A document and each plan of it take up to 165 bytes for one: 300 MB at the worst, in all.
_REMEMBERED_IN_ALL: Final = 400_000
_TOO_DEEP = (
    "The document is nested too deeply to be read. "
    "Read an object by its id and go on from there in another operation."
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
        self._suggestions = settings.suggestions
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
        check_valid(self._schema._schema, document, self._rules, suggestions=self._suggestions)
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

    def _remember(self, key: tuple[str, str | None], operation: PreparedOperation) -> PreparedOperation:
        if len(key[0]) <= _REMEMBERED_LENGTH:
            self._valid[key] = operation
            self._characters += len(key[0])
            while len(self._valid) > _REMEMBERED or self._characters > _REMEMBERED_IN_ALL:
                (text, _), _ = self._valid.popitem(last=False)
                self._characters -= len(text)
        return operation


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
