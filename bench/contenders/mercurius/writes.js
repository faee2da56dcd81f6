import { writeTask } from '../node/write_task.js'
import { pool } from './database.js'
import { task } from './reads.js'

export async function taskCreate (_, { input, idempotencyKey }) {
  const { id, seq } = await inTransaction(client => writeTask(client, input, idempotencyKey))
  return { task: await task(id), syncSeq: String(seq), userErrors: [] }
}

async function inTransaction (work) {
  const client = await pool.connect()
  try {
    await client.query('BEGIN')
    const result = await work(client)
    await client.query('COMMIT')
    return result
  } catch (error) {
    await client.query('ROLLBACK')
    throw error
  } finally {
    client.release()
  }
}
