// Follows taskCreated with the graphql-ws client; prints one JSON object a line.
// node follow.mjs <WebSocket address> <access token> <project id>
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

const [url, token, projectId] = process.argv.slice(2);
const say = (message) => console.log(JSON.stringify(message));
const client = createClient({
  url,
  webSocketImpl: WebSocket,
  connectionParams: { authorization: `Bearer ${token}` },
  retryAttempts: 50,
  retryWait: () => new Promise((resolve) => setTimeout(resolve, 100)),
  shouldRetry: () => true,
  on: {
    connected: () => say({ connected: true }),
    closed: (event) => say({ closed: event.code }),
  },
});

for await (const result of client.iterate({
  query: 'subscription ($projectId: ID) { taskCreated(projectId: $projectId) { title } }',
  variables: { projectId },
})) {
  say(result);
}
