import Fastify from 'fastify'
import mercurius from 'mercurius'
import { loaders, priority, query } from './reads.js'
import { schema } from './schema.js'
import { taskCreate } from './writes.js'

const app = Fastify()

app.register(mercurius, {
  schema,
  resolvers: { Query: query, Mutation: { taskCreate }, Task: { priority } },
  loaders,
  graphiql: false,
  jit: 1, // compile a query when it comes for the second time
})
app.get('/ready', async () => 'ready')

await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT) })
