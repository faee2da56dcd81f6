"""How rows reach other rows."""

from dataclasses import dataclass

from tortoise.models import Model

from app.engine.composer import Condition


@dataclass(frozen=True, slots=True)
class Direct:
    """The other table holds this row's id: `Direct("task_id")`."""

    key: str


@dataclass(frozen=True, slots=True)
class Through:
    """A join table holds both ids. `condition` narrows its rows, `{row}` standing for its alias."""

    model: type[Model]
    source_key: str
    target_key: str
    target_model: type[Model]
    condition: Condition | None = None

    @property
    def table(self) -> str:
        return f'"{self.model._meta.db_table}"'


Link = Direct | Through
