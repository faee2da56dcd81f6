import pg from 'pg'

// As text, as PostgreSQL writes it: a Date would lose the microseconds.
pg.types.setTypeParser(pg.types.builtins.TIMESTAMPTZ, text => text.replace(' ', 'T').replace(/([+-]\d\d)$/, '$1:00'))
pg.types.setTypeParser(pg.types.builtins.DATE, text => text)
pg.types.setTypeParser(pg.types.builtins.INT8, Number)

export const pool = new pg.Pool({
  connectionString: process.env.DATABASE_URL,
  max: Number(process.env.POOL_SIZE),
  options: '-c timezone=UTC',
})

// Named, so that PostgreSQL plans each statement once per connection.
export async function rows (name, text, values, client = pool) {
  return (await client.query({ name, text, values })).rows
}
