import { createHash, randomUUID } from 'node:crypto'

const workspace = process.env.WORKSPACE_ID
const user = process.env.USER_ID
const PRIORITIES = ['NONE', 'LOW', 'MEDIUM', 'HIGH', 'URGENT']

// What TaskFlow's taskCreate does within its transaction, statement by statement: key, number, task, event,
// outcome. Returns the task's id and the event's seq.
export async function writeTask (client, input, key) {
  const rows = async (name, text, values) => (await client.query({ name, text, values })).rows
  const now = new Date()
  const id = randomUUID()
  const digest = createHash('sha256').update(JSON.stringify(input)).digest()
  await rows('claimKey', `INSERT INTO idempotency_keys AS held
      (id, user_id, mutation, key, input_hash, outcome, created_at)
    VALUES ($1, $2, 'taskCreate', $3, $4, '{}', $5)
    ON CONFLICT (user_id, mutation, key) DO UPDATE SET created_at = EXCLUDED.created_at
      WHERE held.created_at < $5 - interval '24 hours' RETURNING held.id`,
  [randomUUID(), user, key, digest, now])
  const [{ number, status }] = await rows('allocateNumber', `UPDATE projects AS p
    SET last_task_number = p.last_task_number + 1
    WHERE p.id = $2 AND p.workspace_id = $1 AND p.archived_at IS NULL
    RETURNING p.last_task_number AS number, (SELECT s.id FROM statuses s
      WHERE s.project_id = p.id AND s.type = 'UNSTARTED' ORDER BY s.position LIMIT 1) AS status`,
  [workspace, input.projectId])
  const rank = rankOfNumber(number)
  await rows('insertTask', `INSERT INTO tasks (id, workspace_id, project_id, number, title, status_id, priority,
      creator_id, rank, due_date, version, created_at, updated_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 1, $11, $11)`,
  [id, workspace, input.projectId, number, input.title, status, PRIORITIES.indexOf(input.priority), user, rank,
    input.dueDate, now])
  const told = { ...input, number, statusId: status, creatorId: user, rank }
  const changes = Object.entries(told).map(([field, after]) => ({ field, before: null, after }))
  const [{ seq }] = await rows('appendEvent', `WITH counter AS (
      UPDATE workspace_counters SET seq = seq + 1 WHERE workspace_id = $2 RETURNING seq)
    INSERT INTO events (id, workspace_id, seq, type, actor_id, entity_type, entity_id, entity_version,
      project_id, task_id, changes, created_at)
    SELECT $1, $2, seq, 'task.created', $3, 'task', $4, 1, $5, $4, $6::text::jsonb, $7 FROM counter RETURNING seq`,
  [randomUUID(), workspace, user, id, input.projectId, JSON.stringify(changes), now])
  await rows('storeOutcome', `UPDATE idempotency_keys SET outcome = $3::text::jsonb
    WHERE user_id = $1 AND mutation = 'taskCreate' AND key = $2`,
  [user, key, JSON.stringify({ subjectId: id, syncSeq: String(seq) })])
  return { id, seq }
}

// app/domain/ranks.py, of_number
function rankOfNumber (number) {
  const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
  let size = 1
  while (number >= 62 ** size) number -= 62 ** size++
  let text = ''
  for (let i = 0; i < size; i++, number = Math.floor(number / 62)) text = digits[number % 62] + text
  return String.fromCharCode(96 + size) + text
}
