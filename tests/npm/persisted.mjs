// Sends one query several times by Apollo Client's PersistedQueryLink; prints what went over the wire.
// node persisted.mjs <HTTP address> <access token> <GET or POST> <a name that is new> <Accept>
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';
import { createHash } from 'node:crypto';

const [uri, token, method, name, accept] = process.argv.slice(2);
const sent = [];

async function watching(address, options) {
  const body = options.body ? JSON.parse(options.body) : Object.fromEntries(new URL(address).searchParams);
  const response = await fetch(address, options);
  sent.push({ method: options.method, query: 'query' in body, status: response.status });
  return response;
}

const link = ApolloLink.from([
  new PersistedQueryLink({
    sha256: (text) => createHash('sha256').update(text).digest('hex'),
    useGETForHashedQueries: method === 'GET',
  }),
  new HttpLink({ uri, fetch: watching, headers: { authorization: `Bearer ${token}`, accept } }),
]);
const client = new ApolloClient({ cache: new InMemoryCache(), link });
const answers = [];
for (let number = 0; number < 2; number++) {
  const query = gql(`query Persisted($first: Int) { viewer { id ${name}: name } tasks(first: $first) { totalCount } }`);
  const { data } = await client.query({ query, variables: { first: 1 }, fetchPolicy: 'network-only' });
  answers.push(data.viewer.id);
}
console.log(JSON.stringify({ sent, answers }));
