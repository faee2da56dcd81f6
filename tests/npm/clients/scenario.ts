// What each client has to be able to do. Prints one JSON object: what it saw.
import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import { unmask } from './generated/fragment-masking.js';
import type { TaskRowFragment } from './generated/graphql.js';
import { taskCreate, taskCreated, taskRow, tasksQuery } from './operations.js';

export interface Address {
  http: string;
  socket: string;
  token: string;
}

export interface Client {
  query<Result, Variables>(document: TypedDocumentNode<Result, Variables>, variables: Variables): Promise<Result>;
  mutate<Result, Variables>(document: TypedDocumentNode<Result, Variables>, variables: Variables): Promise<Result>;
  /** Calls `receive` for each event, until the function that it returns is called. */
  subscribe<Result, Variables>(
    document: TypedDocumentNode<Result, Variables>,
    variables: Variables,
    receive: (result: Result) => void,
  ): () => void;
  /** The `extensions.code` of the first error that the client threw; undefined when it is none of the server's. */
  codeOf(thrown: unknown): unknown;
  close(): void;
}

export async function play(connect: (address: Address) => Client): Promise<void> {
  const [http, socket, token, projectId] = process.argv.slice(2) as [string, string, string, string];
  const client = connect({ http, socket, token });
  const stranger = connect({ http, socket, token: 'not.a.token' });
  const created = await create(client, projectId, 'made by a client');
  console.log(
    JSON.stringify({
      created: created.title,
      status: created.status.type,
      pages: await pages(client, projectId),
      userErrors: await userErrors(client, projectId),
      badPage: await codeThrown(client, projectId, 1000),
      signedOut: await codeThrown(stranger, projectId, 10),
      event: await event(client, projectId),
    }),
  );
  client.close();
  stranger.close();
}

async function create(client: Client, projectId: string, title: string): Promise<TaskRowFragment> {
  const { taskCreate: payload } = await client.mutate(taskCreate, { input: { projectId, title } });
  const task = unmask(taskRow, payload.task);
  if (!task) throw new Error(JSON.stringify(payload.userErrors));
  return task;
}

async function userErrors(client: Client, projectId: string): Promise<unknown> {
  const { taskCreate: payload } = await client.mutate(taskCreate, { input: { projectId, title: '' } });
  return payload.userErrors.map(({ code, field }) => ({ code, field }));
}

/** The titles of all tasks, two a page. */
async function pages(client: Client, projectId: string): Promise<string[][]> {
  const found: string[][] = [];
  let after: string | null | undefined = null;
  for (;;) {
    const result: { project?: Page | null } = await client.query(tasksQuery, { projectId, first: 2, after });
    if (!result.project) throw new Error('no project');
    const { nodes, pageInfo } = result.project.tasks;
    found.push(nodes.map((node) => unmask(taskRow, node).title));
    if (!pageInfo.hasNextPage) return found;
    after = pageInfo.endCursor;
  }
}

type Page = NonNullable<import('./generated/graphql.js').TasksQuery['project']>;

async function codeThrown(client: Client, projectId: string, first: number): Promise<unknown> {
  try {
    await client.query(tasksQuery, { projectId, first });
  } catch (thrown) {
    return client.codeOf(thrown);
  }
  return 'nothing was thrown';
}

/** The first event of a subscription; tasks are made until one is heard of, for nothing tells that it is active. */
async function event(client: Client, projectId: string): Promise<string> {
  let heard: string | undefined;
  const stop = client.subscribe(taskCreated, { projectId }, (result) => {
    heard ??= unmask(taskRow, result.taskCreated)?.title;
  });
  for (let number = 0; number < 100 && !heard; number++) {
    await create(client, projectId, 'heard by a client');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  stop();
  return heard ?? 'nothing was heard';
}
