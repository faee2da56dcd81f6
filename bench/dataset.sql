-- One workspace with bench.tasks tasks, twice as many task labels and three times as many comments. Every
-- value follows from its number, so that two data sets of one size are equal. Tasks have their events,
-- comments have none: nothing here reads those.

CREATE FUNCTION pg_temp.uuid7(at timestamptz, salt text) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0')
        || '7' || substr(md5(salt), 1, 3) || '8' || substr(md5(salt), 4, 15))::uuid
$$;

-- From 0 up to, not including, 1.
CREATE FUNCTION pg_temp.chance(salt text) RETURNS double precision LANGUAGE sql IMMUTABLE AS $$
    SELECT ('x' || substr(md5(salt), 1, 8))::bit(32)::bigint / 4294967296.0::double precision
$$;

-- Which share of a whole a chance falls into, counted from 0.
CREATE FUNCTION pg_temp.pick(chance double precision, ends double precision[]) RETURNS integer LANGUAGE sql
IMMUTABLE AS $$ SELECT width_bucket(chance, ends) $$;

CREATE TEMP VIEW settings AS SELECT
    current_setting('bench.tasks')::int AS tasks,
    '2024-01-01 00:00:00+00'::timestamptz AS founded,
    '2026-01-01 00:00:00+00'::timestamptz AS today,
    50 AS users, 40 AS projects, 60 AS labels;

INSERT INTO workspaces (id, slug, name, sync_epoch, created_at, updated_at)
SELECT pg_temp.uuid7(founded, 'workspace'), 'bench', 'Bench', pg_temp.uuid7(founded, 'epoch'), founded, founded
FROM settings;

CREATE TEMP TABLE people AS
SELECT i, pg_temp.uuid7(founded, 'user ' || i) AS id FROM settings, generate_series(0, users - 1) AS i;

INSERT INTO users (id, email, name, password_hash, created_at, updated_at)
SELECT id, 'person' || i || '@example.com', 'Person ' || i, '!', founded, founded FROM people, settings;

INSERT INTO memberships (id, workspace_id, user_id, role, created_at, updated_at)
SELECT pg_temp.uuid7(founded, 'member ' || i), w.id, people.id,
    CASE WHEN i = 0 THEN 'OWNER' WHEN i < 4 THEN 'ADMIN' ELSE 'MEMBER' END, founded, founded
FROM people, settings, workspaces AS w;

CREATE TEMP TABLE boards AS
SELECT i, pg_temp.uuid7(founded, 'project ' || i) AS id FROM settings, generate_series(0, projects - 1) AS i;

INSERT INTO projects (id, workspace_id, key, name, created_at, updated_at)
SELECT boards.id, w.id, 'PR' || i, 'Project ' || i, founded, founded FROM boards, settings, workspaces AS w;

CREATE TEMP TABLE columns (position int, name text, color text, type text);
INSERT INTO columns VALUES
    (0, 'Backlog', '#8a8f98', 'BACKLOG'), (1, 'Todo', '#d0d4da', 'UNSTARTED'),
    (2, 'In Progress', '#f2c94c', 'STARTED'), (3, 'In Review', '#4ea7fc', 'STARTED'),
    (4, 'Done', '#5e6ad2', 'COMPLETED'), (5, 'Canceled', '#95a2b3', 'CANCELED');

INSERT INTO statuses (id, workspace_id, project_id, name, color, type, position, created_at, updated_at)
SELECT pg_temp.uuid7(founded, 'status ' || boards.i || ' ' || c.position), w.id, boards.id, c.name, c.color,
    c.type, c.position, founded, founded
FROM boards, columns AS c, settings, workspaces AS w;

CREATE TEMP TABLE tags AS
SELECT i, pg_temp.uuid7(founded, 'label ' || i) AS id FROM settings, generate_series(0, labels - 1) AS i;

INSERT INTO labels (id, workspace_id, name, color, created_at, updated_at)
SELECT tags.id, w.id, substr(md5('name ' || i), 1, 4 + i % 9), '#' || substr(md5('color ' || i), 1, 6),
    founded, founded
FROM tags, settings, workspaces AS w;

-- Some projects are far larger than others, most tasks are done, few are archived or in the trash.
CREATE TEMP TABLE planned AS
SELECT drawn.i, created_at, pg_temp.uuid7(created_at, 'task ' || drawn.i) AS id, b.id AS project_id, position,
    row_number() OVER (PARTITION BY b.i ORDER BY drawn.i)::int AS number,
    pg_temp.uuid7(founded, 'status ' || b.i || ' ' || position) AS status_id,
    pg_temp.uuid7(founded, 'status ' || b.i || ' 1') AS first_status_id,
    least(created_at + interval '30 days' * pg_temp.chance('moved ' || drawn.i), today) AS moved_at
FROM (
    SELECT i, founded, today, founded + (today - founded) * (i::double precision / tasks) AS created_at,
        floor(projects * pg_temp.chance('project ' || i) ^ 2) AS project,
        pg_temp.pick(pg_temp.chance('status ' || i), '{0.15,0.25,0.32,0.36,0.94}') AS position
    FROM settings, generate_series(1, tasks) AS i
) AS drawn
JOIN boards AS b ON b.i = drawn.project;

INSERT INTO tasks (
    id, workspace_id, project_id, number, title, description, status_id, priority, assignee_id, creator_id,
    rank, due_date, estimate, started_at, completed_at, archived_at, deleted_at, version, created_at, updated_at
)
SELECT p.id, w.id, p.project_id, p.number,
    (ARRAY['Fix', 'Add', 'Move', 'Explain', 'Measure', 'Remove'])[1 + p.i % 6] || ' the '
        || (ARRAY['login page', 'export', 'billing report', 'search', 'import of old data', 'mobile menu',
            'reminder by mail'])[1 + p.i % 7] || ' (' || p.i || ')',
    CASE WHEN p.i % 3 > 0 THEN repeat('What is seen, what was expected, and how to see it again. ', 1 + p.i % 8) END,
    p.status_id, pg_temp.pick(pg_temp.chance('priority ' || p.i), '{0.4,0.6,0.82,0.95}'),
    assignee.id, creator.id, r.rank,
    CASE WHEN p.i % 2 = 0 THEN p.created_at::date + 1 + p.i % 90 END,
    CASE WHEN p.i % 4 = 0 THEN 1 + p.i % 8 END,
    CASE WHEN p.position IN (2, 3, 4) THEN p.moved_at END,
    CASE WHEN p.position = 4 THEN p.moved_at END,
    CASE WHEN p.position >= 4 AND pg_temp.chance('archived ' || p.i) < 0.03 THEN p.moved_at END,
    CASE WHEN pg_temp.chance('deleted ' || p.i) < 0.01 THEN p.moved_at END,
    CASE WHEN p.position = 1 THEN 1 ELSE 2 END, p.created_at,
    CASE WHEN p.position = 1 THEN p.created_at ELSE p.moved_at END
FROM planned AS p
CROSS JOIN settings
CROSS JOIN workspaces AS w
JOIN ranks AS r ON r.number = p.number
JOIN people AS creator ON creator.i = floor(users * pg_temp.chance('creator ' || p.i) ^ 2)
LEFT JOIN people AS assignee ON p.i % 5 > 0 AND assignee.i = floor(users * pg_temp.chance('assignee ' || p.i) ^ 1.5)
ORDER BY p.i;

UPDATE projects SET last_task_number = made.last
FROM (SELECT project_id, max(number) AS last FROM planned GROUP BY project_id) AS made
WHERE made.project_id = projects.id;

-- Ten tasks have 20 labels and 30 comments between them.
INSERT INTO task_labels (id, workspace_id, task_id, label_id, created_at)
SELECT pg_temp.uuid7(p.created_at, 'task label ' || p.i || ' ' || n), w.id, p.id, tags.id, p.created_at
FROM planned AS p
CROSS JOIN settings
CROSS JOIN workspaces AS w
CROSS JOIN generate_series(1, ('{0,1,1,2,2,2,2,3,3,4}'::int[])[1 + (p.i * 7 + p.i / 10) % 10]) AS n
JOIN tags ON tags.i = (floor(labels * pg_temp.chance('label ' || p.i) ^ 2)::int + n * 7) % labels
ORDER BY p.i;

INSERT INTO comments (id, workspace_id, task_id, author_id, body, deleted_at, created_at, updated_at)
SELECT pg_temp.uuid7(p.created_at, 'comment ' || p.i || ' ' || n), w.id, p.id, author.id,
    repeat('Seen here too, since the last release. ', 1 + (p.i + n) % 5),
    CASE WHEN (p.i + n) % 50 = 0 THEN p.moved_at END, p.created_at + n * interval '1 hour',
    p.created_at + n * interval '1 hour'
FROM planned AS p
CROSS JOIN settings
CROSS JOIN workspaces AS w
CROSS JOIN generate_series(1, ('{0,0,0,1,1,2,3,4,7,12}'::int[])[1 + (p.i * 3 + p.i / 10) % 10]) AS n
JOIN people AS author ON author.i = floor(users * pg_temp.chance('author ' || p.i || ' ' || n) ^ 2)
ORDER BY p.i;

INSERT INTO events (
    id, workspace_id, seq, type, actor_id, entity_type, entity_id, entity_version, project_id, task_id, changes,
    created_at
)
SELECT pg_temp.uuid7(told.at, told.type || t.id), t.workspace_id, row_number() OVER (ORDER BY told.at, t.id, told.version),
    told.type, t.creator_id, 'task', t.id, told.version, t.project_id, t.id, told.changes, told.at
FROM planned AS p
JOIN tasks AS t ON t.id = p.id
CROSS JOIN LATERAL (
    VALUES ('task.created', 1, t.created_at, jsonb_build_array(
        jsonb_build_object('field', 'projectId', 'before', NULL, 'after', t.project_id),
        jsonb_build_object('field', 'number', 'before', NULL, 'after', t.number),
        jsonb_build_object('field', 'title', 'before', NULL, 'after', t.title),
        jsonb_build_object('field', 'statusId', 'before', NULL, 'after', p.first_status_id),
        jsonb_build_object('field', 'rank', 'before', NULL, 'after', t.rank)
    )),
    ('task.moved', 2, p.moved_at, jsonb_build_array(
        jsonb_build_object('field', 'statusId', 'before', p.first_status_id, 'after', t.status_id)
    ))
) AS told (type, version, at, changes)
WHERE told.version <= t.version;

INSERT INTO workspace_counters (workspace_id, seq)
SELECT w.id, (SELECT count(*) FROM events) FROM workspaces AS w;
