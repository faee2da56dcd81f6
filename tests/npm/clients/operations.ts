// What the clients send, typed by graphql-codegen from schema.graphql.
import { graphql } from './generated/gql.js';

export const taskRow = graphql(`
  fragment TaskRow on Task {
    id
    title
    dueDate
    status {
      name
      type
    }
  }
`);

export const tasksQuery = graphql(`
  query Tasks($projectId: ID!, $first: Int!, $after: String) {
    project(id: $projectId) {
      tasks(first: $first, after: $after) {
        nodes {
          ...TaskRow
        }
        pageInfo {
          hasNextPage
          endCursor
        }
      }
    }
  }
`);

export const taskCreate = graphql(`
  mutation TaskCreate($input: TaskCreateInput!) {
    taskCreate(input: $input) {
      task {
        ...TaskRow
      }
      userErrors {
        code
        message
        field
      }
    }
  }
`);

export const taskCreated = graphql(`
  subscription TaskCreated($projectId: ID) {
    taskCreated(projectId: $projectId) {
      ...TaskRow
    }
  }
`);
