"""Answers queries breadth-first, and leaves to graphql-core what it does not know and whatever fails.

It handles success only: on any error graphql-core answers the same document from the start, so that errors,
their paths and what they null are its own. A query has no effects, so running it twice is harmless.
"""

import weakref
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Generic, Protocol, TypeVar, cast

from graphql import (
    DocumentNode,
    GraphQLObjectType,
    OperationDefinitionNode,
)
from graphql.execution.collect_fields import FieldDetails, FragmentDetails
from graphql.execution.values import VariableValues
from graphql.pyutils import gather_with_cancel
from strawberry import Schema

from app.engine.entities import Row
from app.engine.fetches import Compiled, Run, bring
from app.engine.mutations import MutationCall, MutationField, plan_mutation
from app.engine.objects import object_by_id
from app.engine.plan import plan_rows, plan_value
from app.engine.reads import Reads
from app.engine.roots import Root, Viewing, plan_root
from app.engine.selection import Selections, Unsupported, fragments_of
from app.engine.size import AnswerTooLarge
from app.engine.variables import Variables, variables_of_directives
from app.infra.database_errors import DatabaseUnavailable

VARIANTS = 4
"""Plans kept of one operation: one for each combination of values that its @skip and @include read."""

K = TypeVar("K")
V = TypeVar("V")


class Context(Viewing, Protocol):
    reads: Reads


class NotAnswered(Exception):
    """graphql-core has to answer. The message says why, in words that no client chooses."""


class Bounded(OrderedDict[K, V], Generic[K, V]):
    """A mapping that forgets what was not used for longest."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = size

    def recall(self, key: K) -> V | None:
        value = self.get(key)
        if value is not None:
            self.move_to_end(key)
        return value

    def keep(self, key: K, value: V) -> V:
        self[key] = value
        if len(self) > self._size:
            self.popitem(last=False)
        return value


class Engine:
    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        # By the identity of the parsed operation: plans live as long as whoever keeps the document.
        self._operations: dict[int, tuple[weakref.ref[OperationDefinitionNode], _Operation]] = {}

    async def answer(
        self,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        variables: Mapping[str, Any] | None,
        context: Context,
    ) -> dict[str, Any]:
        """The `data` of a validated query. Raises NotAnswered; what the database raises passes through."""
        known = self._known(operation) or self._keep(operation, fragments_of(document))
        coerced = known.coerce(operation, variables or {})
        return await self._answer(known, operation, coerced, context)

    async def answer_coerced(
        self,
        operation: OperationDefinitionNode,
        fragments: dict[str, FragmentDetails],
        variables: VariableValues,
        context: Context,
    ) -> dict[str, Any]:
        """The same for variables that were coerced before."""
        known = self._known(operation) or self._keep(operation, fragments)
        return await self._answer(known, operation, variables, context)

    async def complete(
        self,
        operation: OperationDefinitionNode,
        fragments: dict[str, FragmentDetails],
        variables: VariableValues,
        type_: GraphQLObjectType,
        nodes: list[FieldDetails],
        source: object,
        context: Context,
    ) -> dict[str, Any]:
        """The result of an object that a resolver returned: a payload, or the row of an event.

        Raises NotAnswered; what the database raises passes through.
        """
        known = self._known(operation) or self._keep(operation, fragments)
        run = Run(context.reads, variables)
        try:
            plan = known.object_plan(operation, variables, type_, nodes, source)
            if isinstance(source, Row):
                found = await object_by_id(run, type_.name, source.entity, plan, source["id"])
                if found is None:
                    raise NotAnswered("the row is gone")
                return cast(dict[str, Any], found)
            return plan.complete(source, *await bring(run, plan.fetches, [source]))  # type: ignore[no-any-return]
        except Exception as error:
            raise _left_to_core(error) from error

    def mutation(
        self,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        variables: Mapping[str, Any] | None,
    ) -> MutationCall:
        """A validated mutation, ready to run. Raises NotAnswered."""
        known = self._known(operation) or self._keep(operation, fragments_of(document))
        coerced = known.coerce(operation, variables or {})
        try:
            return known.mutation(operation, coerced).call(operation, coerced)
        except Exception as error:
            raise _left_to_core(error) from error

    async def complete_mutation(self, call: MutationCall, result: object, context: Context) -> dict[str, Any]:
        """The `data` of a mutation, from what its field has returned. Raises like `complete`."""
        type_, selected, variables = call.field.type, call.field.selected, call.variables
        # The fragments are known since it was planned.
        data = await self.complete(call.operation, {}, variables, type_, selected.nodes, result, context)
        return {selected.key: data}

    async def _answer(
        self,
        known: "_Operation",
        operation: OperationDefinitionNode,
        variables: VariableValues,
        context: Context,
    ) -> dict[str, Any]:
        try:
            return await _run(known.roots(operation, variables), Run(context.reads, variables), context)
        except Exception as error:
            raise _left_to_core(error) from error

    def _known(self, operation: OperationDefinitionNode) -> "_Operation | None":
        found = self._operations.get(id(operation))
        return found[1] if found is not None and found[0]() is operation else None

    def _keep(
        self, operation: OperationDefinitionNode, fragments: dict[str, FragmentDetails]
    ) -> "_Operation":
        key, operations = id(operation), self._operations

        def forget(reference: weakref.ref[OperationDefinitionNode]) -> None:
            if key in operations and operations[key][0] is reference:
                del operations[key]

        known = _Operation(self._schema, operation, fragments)
        operations[key] = weakref.ref(operation, forget), known
        return known


class _Operation:
    """The plans of an operation, which it does not keep alive."""

    def __init__(
        self, schema: Schema, operation: OperationDefinitionNode, fragments: dict[str, FragmentDetails]
    ) -> None:
        self._schema = schema
        self._fragments = fragments
        self._variables = Variables(schema._schema, operation)
        self._switches = variables_of_directives(operation, fragments)
        self._roots: Bounded[tuple[Any, ...], dict[str, Root | str] | str] = Bounded(VARIANTS)
        self._objects: Bounded[tuple[Any, ...], Compiled | str] = Bounded(VARIANTS)
        self._mutations: Bounded[tuple[Any, ...], MutationField] = Bounded(VARIANTS)

    def coerce(self, operation: OperationDefinitionNode, variables: Mapping[str, Any]) -> VariableValues:
        """Raises NotAnswered: what is wrong with them is graphql-core's to say."""
        coerced = self._variables.coerce(operation, variables)
        if coerced is None:
            raise NotAnswered("variables")
        return coerced

    def roots(self, operation: OperationDefinitionNode, variables: VariableValues) -> dict[str, Root | str]:
        """By the key in the answer, the plan of each root field, or a type's name. Raises Unsupported."""
        variant = self._variant(variables)
        plan = self._roots.recall(variant)
        if plan is None:
            plan = self._roots.keep(variant, self._plan_roots(operation, variables))
        if isinstance(plan, str):  # not a kept exception: each raise would add to its traceback
            raise Unsupported(plan)
        return plan

    def mutation(self, operation: OperationDefinitionNode, variables: VariableValues) -> MutationField:
        """Raises Unsupported."""
        variant = self._variant(variables)
        return self._mutations.recall(variant) or self._mutations.keep(
            variant, plan_mutation(self._schema, self._selections(operation, variables))
        )

    def object_plan(
        self,
        operation: OperationDefinitionNode,
        variables: VariableValues,
        type_: GraphQLObjectType,
        nodes: list[FieldDetails],
        source: object,
    ) -> Compiled:
        """The plan for what a root field returned. Raises Unsupported."""
        variant = (id(nodes[0].node), type_.name, *self._variant(variables))
        plan = self._objects.recall(variant)
        if plan is None:
            plan = self._objects.keep(variant, self._plan_object(operation, variables, type_, nodes, source))
        if isinstance(plan, str):
            raise Unsupported(plan)
        return plan

    def _variant(self, variables: VariableValues) -> tuple[Any, ...]:
        return tuple([variables.coerced.get(name) for name in self._switches])

    def _plan_roots(
        self, operation: OperationDefinitionNode, variables: VariableValues
    ) -> dict[str, Root | str] | str:
        """Or why there is none."""
        selections = self._selections(operation, variables)
        query = cast(GraphQLObjectType, self._schema._schema.query_type)
        roots: dict[str, Root | str] = {}
        try:
            for selected in selections.root(query):
                if isinstance(selected, str):
                    roots[selected] = query.name
                else:
                    roots[selected.key] = plan_root(self._schema, selections, selected)
        except Unsupported as unsupported:
            return str(unsupported)
        return roots

    def _plan_object(
        self,
        operation: OperationDefinitionNode,
        variables: VariableValues,
        type_: GraphQLObjectType,
        nodes: list[FieldDetails],
        source: object,
    ) -> Compiled | str:
        """Or why there is none."""
        selections = self._selections(operation, variables)
        try:
            if isinstance(source, Row):
                return plan_rows(self._schema, selections, type_, nodes, source.entity)
            return plan_value(self._schema, selections, type_, nodes)
        except Unsupported as unsupported:
            return str(unsupported)

    def _selections(self, operation: OperationDefinitionNode, variables: VariableValues) -> Selections:
        return Selections(self._schema._schema, self._fragments, operation, variables)


async def _run(roots: Mapping[str, Root | str], run: Run, context: Context) -> dict[str, Any]:
    if len(roots) == 1:
        [(key, root)] = roots.items()
        return {key: root if isinstance(root, str) else await root.run(run, context)}
    results = await gather_with_cancel(*(_result(root, run, context) for root in roots.values()))
    return dict(zip(roots, results, strict=True))


async def _result(root: Root | str, run: Run, context: Context) -> Any:
    return root if isinstance(root, str) else await root.run(run, context)


def _left_to_core(error: Exception) -> Exception:
    """Whatever failed fails again in graphql-core, which knows where; the database is not asked twice."""
    if isinstance(error, DatabaseUnavailable | AnswerTooLarge | NotAnswered):
        return error
    return NotAnswered(str(error) if isinstance(error, Unsupported) else type(error).__name__)
