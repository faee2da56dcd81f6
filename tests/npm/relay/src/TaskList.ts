// What a Relay app writes: a query, a fragment that pages through a connection, a fragment that is fetched again by
// node(id:), a mutation that adds to the connection, a subscription.
import { graphql } from 'relay-runtime';

export const query = graphql`
  query TaskListQuery($projectId: ID!, $count: Int!, $cursor: String) {
    project(id: $projectId) {
      ...TaskList_project @arguments(count: $count, cursor: $cursor)
    }
  }
`;

export const list = graphql`
  fragment TaskList_project on Project
  @argumentDefinitions(count: { type: "Int", defaultValue: 20 }, cursor: { type: "String" })
  @refetchable(queryName: "TaskListPaginationQuery") {
    name
    tasks(first: $count, after: $cursor) @connection(key: "TaskList_tasks") {
      edges {
        node {
          id
          ...TaskList_task
        }
      }
    }
  }
`;

export const task = graphql`
  fragment TaskList_task on Task @refetchable(queryName: "TaskListRefreshQuery") {
    identifier
    title
    status {
      name
      type
    }
    assignee {
      name
    }
  }
`;

export const create = graphql`
  mutation TaskListCreateMutation($input: TaskCreateInput!, $connections: [ID!]!) {
    taskCreate(input: $input) {
      task @appendNode(connections: $connections, edgeTypeName: "TaskEdge") {
        id
        ...TaskList_task
      }
      userErrors {
        code
        message
        field
      }
    }
  }
`;

export const updates = graphql`
  subscription TaskListSubscription($projectId: ID) {
    taskUpdated(projectId: $projectId) {
      ...TaskList_task
    }
  }
`;
