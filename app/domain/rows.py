"""Single statements over a model's own columns, for writes."""

import re
from collections.abc import Collection, Mapping
from functools import cache
from typing import Any, TypeVar

from tortoise import Model

M = TypeVar("M", bound=Model)


@cache
def columns(model: type[Model]) -> tuple[str, ...]:
    """The stored attributes; in this project a column is named as its attribute."""
    return tuple(model._meta.fields_db_projection)


@cache
def insert_sql(model: type[Model]) -> str:
    """Takes the values of `columns(model)` in their order."""
    names = ", ".join(f'"{name}"' for name in columns(model))
    places = ", ".join(f"${position}" for position in range(1, len(columns(model)) + 1))
    return " ".join(("INSERT INTO", _table(model), f"({names}) VALUES ({places})"))


@cache
def select_sql(model: type[Model], condition: str, lock: str = "") -> str:
    """Selects whole rows; `condition` and named binds refer to the alias `t`."""
    names = ", ".join(f't."{name}"' for name in columns(model))
    return " ".join(("SELECT", names, "FROM", _table(model), "AS t WHERE", condition, lock))


def update_sql(model: type[Model], changed: Collection[str]) -> str:
    """Takes the id, then the values of `changed` in their order."""
    assignments = ", ".join(f'"{name}" = ${position}' for position, name in enumerate(changed, 2))
    return " ".join(("UPDATE", _table(model), "SET", assignments, 'WHERE "id" = $1'))


def delete_sql(model: type[Model]) -> str:
    """Takes the id."""
    return " ".join(("DELETE FROM", _table(model), 'WHERE "id" = $1'))


def new(model: type[M], **given: object) -> M:
    """A row to insert: what is not given has the model's default. Values are taken as they are.

    Does without Tortoise's constructor, which takes longer than the whole rest of a write does in Python.
    """
    for name, default in _defaults(model).items():
        if name not in given:
            given[name] = default() if callable(default) else default
    row = model.__new__(model)
    # What Tortoise looks at in a row that is stored.
    row.__dict__.update(
        given, _partial=False, _saved_in_db=True, _custom_generated_pk=True, _await_when_save={}
    )
    return row


def instance(model: type[M], row: Mapping[str, Any]) -> M:
    return model._init_from_db(**row)


def values(row: Model) -> dict[str, Any]:
    return {name: getattr(row, name) for name in columns(type(row))}


@cache
def entity_type(model: type[Model]) -> str:
    """TaskRelation → task_relation"""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", model.__name__).lower()


@cache
def noun(model: type[Model]) -> str:
    """TaskRelation → task relation"""
    return entity_type(model).replace("_", " ")


def _table(model: type[Model]) -> str:
    return f'"{model._meta.db_table}"'


@cache
def _defaults(model: type[Model]) -> dict[str, Any]:
    return {name: model._meta.fields_map[name].default for name in columns(model)}
