import { PgManyToManyPreset } from '@graphile-contrib/pg-many-to-many'
import { makePgService } from 'postgraphile/adaptors/pg'
import { PostGraphileAmberPreset } from 'postgraphile/presets/amber'
import { TaskCreatePlugin } from './task_create.js'

export const preset = {
  extends: [PostGraphileAmberPreset, PgManyToManyPreset],
  plugins: [TaskCreatePlugin],
  // Conditions on every column, not only on those that lead an index: archived and trashed tasks are left out.
  disablePlugins: ['PgIndexBehaviorsPlugin'],
  pgServices: [makePgService({
    connectionString: process.env.DATABASE_URL,
    schemas: ['public'],
    poolConfig: { max: Number(process.env.POOL_SIZE) },
  })],
  gather: { installWatchFixtures: false },
  grafast: { explain: false },
  grafserv: { graphqlPath: '/graphql', graphiql: false, websockets: false, watch: false },
}
