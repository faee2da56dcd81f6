"""What Tortoise's models cannot say: checks, unique expressions, deferrable keys.

A change here needs a migration of its own, written by hand: a file in migrations/ whose SQL holds the new
statement word for word. The tests compare a migrated database with the models plus these statements.
"""

from typing import NamedTuple

from app.models.enums import RelationType, Role, StatusType, TaskPriority


class Statement(NamedTuple):
    name: str
    """The name of the constraint or index that it makes."""
    sql: str


def _check(table: str, rule: str, condition: str) -> Statement:
    name = f"{table}_{rule}"
    return Statement(name, f'ALTER TABLE "{table}" ADD CONSTRAINT "{name}" CHECK ({condition})')


def _unique(table: str, rule: str, columns: str, where: str) -> Statement:
    name = f"{table}_{rule}"
    return Statement(name, f'CREATE UNIQUE INDEX "{name}" ON "{table}" ({columns}){where}')


def _one_of(column: str, values: type[Role] | type[StatusType] | type[RelationType]) -> str:
    return f"{column} IN ({', '.join(repr(value.value) for value in values)})"


_COLOR = "color ~ '^#[0-9A-Fa-f]{6}$'"

HAND_WRITTEN: tuple[Statement, ...] = (
    _unique("users", "email", "lower(email)", ""),
    _check("users", "email_present", "email <> ''"),
    _check("workspaces", "slug_form", "slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'"),
    _check("workspace_counters", "seq_range", "seq >= 0"),
    _check("memberships", "role_known", _one_of("role", Role)),
    _check("projects", "key_form", "key ~ '^[A-Z0-9]{2,10}$'"),
    _check("projects", "last_task_number_range", "last_task_number >= 0"),
    _check("statuses", "name_present", "name <> ''"),
    _check("statuses", "color_form", _COLOR),
    _check("statuses", "type_known", _one_of("type", StatusType)),
    # Deferrable keys are checked when the statement ends, so that one UPDATE can put statuses in a new order.
    Statement(
        "statuses_position",
        'ALTER TABLE "statuses" ADD CONSTRAINT "statuses_position" UNIQUE ("project_id", "position") '
        "DEFERRABLE",
    ),
    _check("tasks", "number_range", "number > 0"),
    _check("tasks", "title_present", "title <> ''"),
    _check("tasks", "priority_range", f"priority BETWEEN {min(TaskPriority)} AND {max(TaskPriority)}"),
    _check("tasks", "rank_present", "rank <> ''"),
    _check("tasks", "parent_other", "parent_id <> id"),
    _check("tasks", "due_date_range", "due_date BETWEEN '0001-01-01' AND '9999-12-31'"),
    # NaN sorts above Infinity.
    _check("tasks", "estimate_range", "estimate > '-Infinity' AND estimate < 'Infinity'"),
    _check("task_relations", "type_known", _one_of("type", RelationType)),
    _check("task_relations", "tasks_differ", "task_id <> related_task_id"),
    _check("labels", "name_present", "name <> ''"),
    _check("labels", "color_form", _COLOR),
    _unique("labels", "workspace_name", "workspace_id, lower(name)", " WHERE project_id IS NULL"),
    _unique("labels", "project_name", "project_id, lower(name)", " WHERE project_id IS NOT NULL"),
    _check("events", "seq_range", "seq > 0"),
    _check("events", "changes_list", "jsonb_typeof(changes) = 'array'"),
)
