import { createServer } from 'node:http'
import { postgraphile } from 'postgraphile'
import { grafserv } from 'postgraphile/grafserv/node'
import { preset } from './preset.js'

const serv = postgraphile(preset).createServ(grafserv)
const server = createServer()
await serv.addTo(server)
await serv.ready?.()
server.listen(Number(process.env.PORT), '127.0.0.1')
