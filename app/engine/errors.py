"""What the engine raises: at start-up for wrong declarations, at run time for wrong arguments."""

from graphql import GraphQLError


class DeclarationError(Exception):
    """A field or type is declared in a way that cannot work. Raised while the schema is built.

    The message names the type and the field.
    """

    def __init__(self, type_name: str, field_name: str, problem: str) -> None:
        super().__init__(f"{type_name}.{field_name}: {problem}")


class ArgumentError(GraphQLError):
    """An argument's value is outside what it may be.

    Answers with `extensions.code` BAD_USER_INPUT and the argument's name in `extensions.argument`.
    """

    def __init__(self, argument: str, message: str) -> None:
        super().__init__(message, extensions={"code": "BAD_USER_INPUT", "argument": argument})


class AmbiguousLookup(GraphQLError):
    """More than one row that the viewer may see answers to a key that names one."""

    def __init__(self, message: str) -> None:
        super().__init__(message, extensions={"code": "AMBIGUOUS_IDENTIFIER"})
