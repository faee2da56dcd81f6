import type { Fetcher, FetcherParams } from '@graphiql/toolkit';
import { type DocumentNode, type ExecutionResult, getOperationAST, parse } from 'graphql';
import { createClient } from 'graphql-ws';

const url = new URL('/graphql', location.href).href;

const FORBIDDEN = 4403;

type Headers = Record<string, string>;

/** What the headers editor holds goes with each request, and into connection_init of a subscription's socket. */
export function createFetcher(onAnswer: (answer: unknown) => void): Fetcher {
  return (params, { headers = {} } = {}) => {
    return isSubscription(params) ? subscribe(params, headers) : post(params, headers, onAnswer);
  };
}

async function post(params: FetcherParams, headers: Headers, onAnswer: (answer: unknown) => void) {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      accept: 'application/graphql-response+json, application/json;q=0.9',
      'content-type': 'application/json',
      ...headers,
    },
    body: JSON.stringify(params),
  });
  const answer = await response.json();
  onAnswer(answer);
  return answer;
}

async function* subscribe(params: FetcherParams, headers: Headers): AsyncIterable<ExecutionResult> {
  const client = createClient({
    url: url.replace(/^http/, 'ws'),
    connectionParams: headers,
    // A token that is refused once stays refused.
    shouldRetry: (error) => error instanceof CloseEvent && error.code !== FORBIDDEN,
  });
  try {
    yield* client.iterate(params as { query: string }) as AsyncIterable<ExecutionResult>;
  } catch (error) {
    if (!(error instanceof CloseEvent)) throw error;
    throw new Error(`The socket was closed: ${error.code} ${error.reason}`);
  } finally {
    void client.dispose();
  }
}

// Not by the document that GraphiQL hands over: that one lags behind what is typed.
function isSubscription({ query, operationName }: FetcherParams): boolean {
  let document: DocumentNode;
  try {
    document = parse(query);
  } catch {
    return false; // the server says what is wrong with it
  }
  return getOperationAST(document, operationName)?.operation === 'subscription';
}
