// node urql.js <HTTP address> <WebSocket address> <access token> <project id>
import { Client, CombinedError, cacheExchange, fetchExchange, subscriptionExchange } from '@urql/core';
import type { AnyVariables, OperationResult, TypedDocumentNode } from '@urql/core';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { play } from './scenario.js';

await play(({ http, socket, token }) => {
  const authorization = `Bearer ${token}`;
  const sockets = createClient({ url: socket, webSocketImpl: WebSocket, connectionParams: { authorization } });
  const client = new Client({
    url: http,
    fetchOptions: { headers: { authorization } },
    requestPolicy: 'network-only',
    exchanges: [
      cacheExchange,
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: ({ query, variables }) => ({
          subscribe: (sink) => ({ unsubscribe: sockets.subscribe({ query: query ?? '', variables }, sink) }),
        }),
      }),
    ],
  });
  return {
    query: async (document, variables) =>
      present(await client.query(typed(document), variables as AnyVariables).toPromise()),
    mutate: async (document, variables) =>
      present(await client.mutation(typed(document), variables as AnyVariables).toPromise()),
    subscribe(document, variables, receive) {
      const events = client.subscription(typed(document), variables as AnyVariables);
      return events.subscribe((result) => receive(present(result))).unsubscribe;
    },
    codeOf: (thrown) =>
      thrown instanceof CombinedError ? thrown.graphQLErrors[0]?.extensions['code'] : undefined,
    close: () => void sockets.dispose(),
  };
});

/** urql wants variables that are objects, which the scenario's are. */
function typed<Result>(document: object): TypedDocumentNode<Result, AnyVariables> {
  return document as TypedDocumentNode<Result, AnyVariables>;
}

function present<Result>({ data, error }: OperationResult): Result {
  if (error) throw error;
  return data as Result;
}
