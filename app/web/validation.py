"""Validates documents; what is wrong is told shortly, and found in time linear in the document."""

from collections.abc import Sequence
from typing import Final

from graphql import (
    ArgumentNode,
    ASTValidationRule,
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    Node,
    ObjectFieldNode,
    ValidationContext,
    ValidationRule,
    ValueNode,
    Visitor,
    validate,
    visit,
)
from graphql.validation.rules import overlapping_fields_can_be_merged
from graphql.validation.validate import ValidationAbortedError
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from app.web.errors import TOO_MANY_FIELDS, VALIDATION_FAILED, DocumentErrors, RequestError

# How many fields that answer under one key are compared; they hold the event loop meanwhile. It was 500,000.
overlapping_fields_can_be_merged.MAX_COMPLEXITY_BUDGET = 100_000

MAX_FAULTS: Final = 5
"""Different faults of a document that are told. graphql-core would tell 100."""
_MAX_TEXT: Final = 5_000
"""Characters in the messages of all faults, after which no other is looked for: a message holds the whole
value that it is about, and hundreds may be about one."""

_ABORTED: Final = "Validation aborted."
_MORE: Final = "There may be more errors: validation ended here."
_TOO_MANY_COMPARISONS: Final = (
    "The document selects the same fields too often under the same keys. "
    "Select each once, or send several documents."
)


def check_valid(
    schema: GraphQLSchema,
    document: DocumentNode,
    rules: Sequence[type[ASTValidationRule]],
    *,
    suggestions: bool,
) -> None:
    """By `rules` and Strawberry's own. Raises DocumentErrors, RequestError where it would take too long."""
    all_rules: list[type[ASTValidationRule]] = [
        _FewFaults,
        *rules,
        MaybeNullValidationRule,
        OneOfInputValidationRule,
    ]
    errors = validate(schema, document, all_rules, hide_suggestions=not suggestions)
    if any(error.message == _ABORTED for error in errors):
        raise RequestError(400, TOO_MANY_FIELDS, _TOO_MANY_COMPARISONS)
    if errors:
        raise DocumentErrors(
            VALIDATION_FAILED, _said_once([_naming_the_field(error, document) for error in errors])
        )


class _FewFaults(ValidationRule):
    """Ends the validation when the other rules have found enough."""

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        told: set[str] = set()
        length = 0
        report = context.on_error

        def on_error(error: GraphQLError) -> None:
            nonlocal length
            length += len(error.message)
            if told and (length > _MAX_TEXT or (error.message not in told and len(told) == MAX_FAULTS)):
                raise ValidationAbortedError(_MORE)
            told.add(error.message)
            report(error)

        context.on_error = on_error  # type: ignore[method-assign]  # graphql-core's own is set in this way


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
