import { rows } from './database.js'

const workspace = process.env.WORKSPACE_ID
const PRIORITIES = ['NONE', 'LOW', 'MEDIUM', 'HIGH', 'URGENT']
const COLUMNS = `t.id, t.number, t.title, t.priority, t.due_date AS "dueDate", t.created_at AS "createdAt",
  t.version, t.project_id, t.assignee_id`
const SHOWN = 't.archived_at IS NULL AND t.deleted_at IS NULL'

const unique = values => [...new Set(values)]
const byId = found => new Map(found.map(row => [row.id, row]))

function grouped (found, key) {
  const groups = new Map()
  for (const row of found) {
    const group = groups.get(row[key])
    if (group) group.push(row)
    else groups.set(row[key], [row])
  }
  return groups
}

export async function task (id) {
  const found = await rows('task', `SELECT ${COLUMNS} FROM tasks t WHERE t.id = $1 AND t.workspace_id = $2`,
    [id, workspace])
  return found[0]
}

export const query = {
  async tasks (_, { first = 50, after }) {
    const [createdAt, id] = after.split(',')
    const nodes = await rows('tasks', `SELECT ${COLUMNS} FROM tasks t
      WHERE t.workspace_id = $1 AND ${SHOWN} AND (t.created_at, t.id) < ($2, $3)
      ORDER BY t.created_at DESC, t.id DESC LIMIT $4`, [workspace, createdAt, id, first])
    return { nodes }
  },
  task: (_, { id }) => task(id),
  async project (_, { id }) {
    return (await rows('project', 'SELECT id, key, name FROM projects WHERE id = $1 AND workspace_id = $2',
      [id, workspace]))[0]
  },
}

export const priority = task => PRIORITIES[task.priority]

export const loaders = {
  Project: {
    async statuses (queries) {
      const found = grouped(await rows('statuses', `SELECT id, name, type, project_id FROM statuses
        WHERE project_id = ANY($1) AND workspace_id = $2 ORDER BY position`,
      [unique(queries.map(({ obj }) => obj.id)), workspace]), 'project_id')
      return queries.map(({ obj }) => ({ nodes: found.get(obj.id) ?? [] }))
    },
  },
  Status: {
    async tasks (queries) {
      const found = grouped(await rows('tasksOfStatuses', `SELECT s.id AS status_id, t.*
        FROM unnest($1::uuid[]) AS s (id) CROSS JOIN LATERAL (
          SELECT ${COLUMNS} FROM tasks t WHERE t.status_id = s.id AND t.workspace_id = $2 AND ${SHOWN}
          ORDER BY t.rank, t.id LIMIT $3
        ) t`, [queries.map(({ obj }) => obj.id), workspace, queries[0].params.first]), 'status_id')
      return queries.map(({ obj }) => ({ nodes: found.get(obj.id) ?? [] }))
    },
  },
  Task: {
    async project (queries) {
      const found = byId(await rows('projects',
        'SELECT id, key, name FROM projects WHERE id = ANY($1) AND workspace_id = $2',
        [unique(queries.map(({ obj }) => obj.project_id)), workspace]))
      return queries.map(({ obj }) => found.get(obj.project_id))
    },
    async assignee (queries) {
      const ids = unique(queries.map(({ obj }) => obj.assignee_id).filter(Boolean))
      const found = byId(await rows('users', 'SELECT id, name FROM users WHERE id = ANY($1)', [ids]))
      return queries.map(({ obj }) => found.get(obj.assignee_id) ?? null)
    },
    async labels (queries) {
      const found = grouped(await rows('labels', `SELECT tl.task_id, l.id, l.name, l.color
        FROM task_labels tl JOIN labels l ON l.id = tl.label_id
        WHERE tl.task_id = ANY($1) AND tl.workspace_id = $2 ORDER BY l.name, l.id`,
      [queries.map(({ obj }) => obj.id), workspace]), 'task_id')
      return queries.map(({ obj }) => ({ nodes: found.get(obj.id) ?? [] }))
    },
    async commentCount (queries) {
      const found = byId(await rows('commentCounts', `SELECT task_id AS id, count(*) AS comments FROM comments
        WHERE task_id = ANY($1) AND workspace_id = $2 AND deleted_at IS NULL GROUP BY task_id`,
      [queries.map(({ obj }) => obj.id), workspace]))
      return queries.map(({ obj }) => found.get(obj.id)?.comments ?? 0)
    },
  },
}
