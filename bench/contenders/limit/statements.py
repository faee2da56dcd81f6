"""The limit's SQL. $1 is the viewer's workspace in every statement that reads."""

_COLUMNS = """t.id::text, t.number, t.title, t.priority, t.due_date, t.created_at, t.version,
    t.assignee_id::text, u.name"""
# A row per label, or one without: a second statement would cost another round trip, and an aggregate of
# PostgreSQL's more than the repeated columns.
_LABELS = """LEFT JOIN task_labels tl ON tl.task_id = t.id AND tl.workspace_id = $1
LEFT JOIN labels l ON l.id = tl.label_id"""
_SHOWN = "t.workspace_id = $1 AND t.archived_at IS NULL AND t.deleted_at IS NULL"
_SELECT = f"""
SELECT {_COLUMNS}, l.id::text, l.name, l.color, t.project_id::text, p.key, p.name"""
_JOINS = f"""
JOIN projects p ON p.id = t.project_id AND p.workspace_id = t.workspace_id
LEFT JOIN users u ON u.id = t.assignee_id
{_LABELS}"""

PAGE = f"""
WITH t AS MATERIALIZED (
    SELECT t.* FROM tasks t WHERE {_SHOWN} AND (t.created_at, t.id) < ($2, $3)
    ORDER BY t.created_at DESC, t.id DESC LIMIT 50
){_SELECT} FROM t {_JOINS}
ORDER BY t.created_at DESC, t.id DESC, l.name, l.id"""

ONE = f"""{_SELECT} FROM tasks t {_JOINS}
WHERE t.workspace_id = $1 AND t.id = $2
ORDER BY l.name, l.id"""

STATUSES = """
SELECT p.id::text, p.key, p.name, s.id::text, s.name, s.type
FROM projects p JOIN statuses s ON s.project_id = p.id
WHERE p.id = $2 AND p.workspace_id = $1
ORDER BY s.position"""

BOARD = f"""
WITH t AS MATERIALIZED (
    SELECT s.position, card.* FROM statuses s CROSS JOIN LATERAL (
        SELECT t.*, (
            SELECT count(*) FROM comments c
            WHERE c.task_id = t.id AND c.workspace_id = $1 AND c.deleted_at IS NULL
        ) AS comments
        FROM tasks t WHERE t.status_id = s.id AND {_SHOWN} ORDER BY t.rank, t.id LIMIT 20
    ) card
    WHERE s.project_id = $2 AND s.workspace_id = $1
)
SELECT {_COLUMNS}, l.id::text, l.name, l.color, t.status_id::text, t.comments
FROM t LEFT JOIN users u ON u.id = t.assignee_id
{_LABELS}
ORDER BY t.position, t.rank, t.id, l.name, l.id"""

CLAIM_KEY = """
INSERT INTO idempotency_keys AS held (id, user_id, mutation, key, input_hash, outcome, created_at)
VALUES ($1, $2, 'taskCreate', $3, $4, '{}', $5)
ON CONFLICT (user_id, mutation, key) DO UPDATE
    SET input_hash = EXCLUDED.input_hash, outcome = EXCLUDED.outcome, created_at = EXCLUDED.created_at
    WHERE held.created_at < $5 - interval '24 hours'
RETURNING held.id"""

ALLOCATE_NUMBER = """
UPDATE projects AS p SET last_task_number = p.last_task_number + 1
WHERE p.id = $2 AND p.workspace_id = $1 AND p.archived_at IS NULL
RETURNING p.last_task_number, (
    SELECT s.id FROM statuses s
    WHERE s.project_id = p.id AND s.type = 'UNSTARTED' ORDER BY s.position LIMIT 1
)"""

INSERT_TASK = """
INSERT INTO tasks (id, workspace_id, project_id, number, title, status_id, priority, creator_id, rank,
    due_date, version, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 1, $11, $11)"""

APPEND_EVENT = """
WITH counter AS (UPDATE workspace_counters SET seq = seq + 1 WHERE workspace_id = $2 RETURNING seq)
INSERT INTO events (id, workspace_id, seq, type, actor_id, entity_type, entity_id, entity_version, project_id,
    task_id, changes, created_at)
SELECT $1, $2, seq, 'task.created', $3, 'task', $4, 1, $5, $4, $6::text::jsonb, $7 FROM counter
RETURNING seq"""

STORE_OUTCOME = """
UPDATE idempotency_keys SET outcome = $3::text::jsonb
WHERE user_id = $1 AND mutation = 'taskCreate' AND key = $2"""

CREATED = """
SELECT t.number, t.title, t.priority, t.due_date, t.created_at, t.version, t.project_id::text, p.key, p.name
FROM tasks t JOIN projects p ON p.id = t.project_id AND p.workspace_id = t.workspace_id
WHERE t.workspace_id = $1 AND t.id = $2"""
