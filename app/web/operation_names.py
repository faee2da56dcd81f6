"""What an operation is called in the metrics: clients write its name, so only some names become series."""

from typing import Final

from graphql import FieldNode

from app.infra.metrics import operation_seconds
from app.infra.tallies import Observations
from app.web.documents import PreparedOperation

MOST_NAMES: Final = 100
"""Names of operations that one process tells apart. Each is fifteen series."""
_LONGEST: Final = 64
_SEVERAL: Final = "*"


class OperationNames:
    """The first MOST_NAMES that signed-in callers send. Any other operation is called by its type and root
    field, `query tasks`, or `query *` where it has several: no more than the schema has."""

    def __init__(self) -> None:
        self._named: dict[str, Observations] = {}
        self._unnamed: dict[str, Observations] = {}

    def seconds(self, operation: PreparedOperation, *, signed_in: bool) -> Observations:
        """Where the time of a valid operation is observed."""
        name = operation.name
        if name is None:
            return self._by_root(operation)
        known = self._named.get(name)
        if known is not None:
            return known
        if not signed_in or len(name) > _LONGEST or len(self._named) >= MOST_NAMES:
            return self._by_root(operation)
        return self._named.setdefault(name, operation_seconds(name))

    def _by_root(self, operation: PreparedOperation) -> Observations:
        match operation.node.selection_set.selections:
            case [FieldNode(name=field)]:
                root = field.value
            case _:
                root = _SEVERAL
        label = f"{operation.type.value} {root}"
        known = self._unnamed.get(label)
        return self._unnamed.setdefault(label, operation_seconds(label)) if known is None else known
