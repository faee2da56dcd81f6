// node apollo.js <HTTP address> <WebSocket address> <access token> <project id>
import { ApolloClient, ApolloLink, CombinedGraphQLErrors, HttpLink, InMemoryCache } from '@apollo/client';
import type { OperationVariables, TypedDocumentNode } from '@apollo/client';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { OperationTypeNode } from 'graphql';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { play } from './scenario.js';

await play(({ http, socket, token }) => {
  const authorization = `Bearer ${token}`;
  const sockets = createClient({ url: socket, webSocketImpl: WebSocket, connectionParams: { authorization } });
  const client = new ApolloClient({
    cache: new InMemoryCache(),
    link: ApolloLink.split(
      ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
      new GraphQLWsLink(sockets),
      new HttpLink({ uri: http, headers: { authorization } }),
    ),
  });
  return {
    async query(document, variables) {
      const options = { query: typed(document), variables: variables as OperationVariables };
      const { data } = await client.query({ ...options, fetchPolicy: 'network-only' });
      return present(data);
    },
    async mutate(document, variables) {
      const { data } = await client.mutate({
        mutation: typed(document),
        variables: variables as OperationVariables,
      });
      return present(data);
    },
    subscribe(document, variables, receive) {
      const events = client.subscribe({ query: typed(document), variables: variables as OperationVariables });
      const subscription = events.subscribe(({ data }) => receive(present(data)));
      return () => subscription.unsubscribe();
    },
    codeOf: (thrown) => (CombinedGraphQLErrors.is(thrown) ? thrown.errors[0]?.extensions?.['code'] : undefined),
    close: () => void sockets.dispose(),
  };
});

/** Apollo wants variables that are objects, which the scenario's are. */
function typed<Result>(document: object): TypedDocumentNode<Result, OperationVariables> {
  return document as TypedDocumentNode<Result, OperationVariables>;
}

function present<Result>(data: unknown): Result {
  if (!data) throw new Error('no data');
  return data as Result;
}
