// Follows one operation with the graphql-sse client; prints one JSON object a line.
// node events.mjs <HTTP address> <access token> <document> <variables>
import { createClient } from 'graphql-sse';

const [url, token, query, variables] = process.argv.slice(2);
const say = (message) => console.log(JSON.stringify(message));
const client = createClient({
  url,
  headers: { authorization: `Bearer ${token}` },
  retryAttempts: 50,
  retry: () => new Promise((resolve) => setTimeout(resolve, 100)),
  on: { connected: (again) => say({ connected: true, again }) },
});

for await (const result of client.iterate({ query, variables: JSON.parse(variables) })) {
  say(result);
}
say({ completed: true });
