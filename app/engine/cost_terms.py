"""Sums and products that are numbers as long as no variable is in them, and Python's source from then on.

Of a document the source holds names of variables alone, by repr().
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from graphql import (
    BooleanValueNode,
    DirectiveNode,
    FieldNode,
    IntValueNode,
    ListValueNode,
    NullValueNode,
    ValueNode,
    VariableNode,
)

Term = float | str
Defaults = Mapping[str, ValueNode]
"""The default values that an operation gives its variables."""


def add(*terms: Term) -> Term:
    number = sum(term for term in terms if not isinstance(term, str))
    sources = [term for term in terms if isinstance(term, str)]
    if not sources:
        return number
    if len(sources) == 1 and not number:
        return sources[0]
    return f"({'+'.join([*sources, repr(number)] if number else sources)})"


def times(one: Term, other: Term) -> Term:
    if isinstance(one, str) or isinstance(other, str):
        if 0 in (one, other):
            return 0
        return other if one == 1 else one if other == 1 else f"{one}*{other}"
    return one * other


def largest(terms: list[Term]) -> Term:
    numbers = [term for term in terms if not isinstance(term, str)]
    sources = list(dict.fromkeys(term for term in terms if isinstance(term, str)))
    if not sources:
        return max(numbers, default=0)
    return f"max({','.join([*sources, repr(max(numbers, default=0))])})"


def smallest(number: float, term: Term) -> Term:
    return f"min({number},{term})" if isinstance(term, str) else min(number, term)


def evaluator(term: Term) -> float | Callable[[Mapping[str, Any]], float]:
    """The term's number, or a function from an operation's variables, as the client sent them, to it."""
    if not isinstance(term, str):
        return term
    function: Callable[[Mapping[str, Any]], float] = eval(f"lambda v: {term}", dict(_IN_SOURCES))  # noqa: S307
    return function


def argument_of(node: FieldNode, name: str) -> ValueNode | None:
    """None where it is left out or null."""
    for argument in node.arguments or ():
        if argument.name.value == name:
            return None if isinstance(argument.value, NullValueNode) else argument.value
    return None


def length_of_page(value: ValueNode | None, defaults: Defaults, *, otherwise: int, most: int) -> Term:
    """What `first` or `last` asks for; beyond `most` it is refused later."""
    if isinstance(value, IntValueNode):
        return min(max(int(value.value), 0), most)
    if isinstance(value, VariableNode):
        default = length_of_page(defaults.get(value.name.value), defaults, otherwise=otherwise, most=most)
        return f"page(v.get({value.name.value!r}),{default},{most})"
    return otherwise


def length_of_list(value: ValueNode | None, defaults: Defaults, *, most: int) -> Term:
    if isinstance(value, ListValueNode):
        return min(len(value.values), most)
    if isinstance(value, VariableNode):
        default = length_of_list(defaults.get(value.name.value), defaults, most=most)
        return f"items(v.get({value.name.value!r}),{default},{most})"
    return 1


def is_included(directives: tuple[DirectiveNode, ...], defaults: Defaults) -> Term:
    """1, 0, or a source whose value is True or False: what @skip and @include say."""
    included: Term = 1
    for directive in directives:
        if (name := directive.name.value) in ("skip", "include") and directive.arguments:
            included = times(included, _condition(directive.arguments[0].value, defaults, name == "include"))
    return included


def either(conditions: list[Term]) -> Term:
    if 1 in conditions:
        return 1
    return largest(conditions)


def _condition(value: ValueNode, defaults: Defaults, wanted: bool) -> Term:
    if isinstance(value, BooleanValueNode):
        return int(value.value is wanted)
    if isinstance(value, VariableNode):
        default = defaults.get(value.name.value)
        assumed = default.value if isinstance(default, BooleanValueNode) else wanted
        return f"(v.get({value.name.value!r},{assumed}) is {wanted})"
    return 1


def _page(value: object, otherwise: float, most: int) -> float:
    # 100.0 is an Int too: https://spec.graphql.org/October2021/#sec-Int.Input-Coercion
    return min(max(value, 0), most) if isinstance(value, int | float) else otherwise


def _items(value: object, otherwise: float, most: int) -> float:
    if isinstance(value, list):
        return min(len(value), most)
    return otherwise if value is None else 1


_IN_SOURCES: Final = {"page": _page, "items": _items, "max": max, "min": min, "__builtins__": {}}
