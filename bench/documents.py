"""The operations in TaskFlow's API, which two of the peers offer too."""

_CARD = """
fragment Card on Task {
  id number title priority dueDate createdAt version
  assignee { id name }
  labels(first: 20) { nodes { id name color } }
}
"""

PAGE = (
    """
query Page($workspaceId: ID!, $after: String) {
  tasks(workspaceId: $workspaceId, first: 50, after: $after) {
    nodes { ...Card project { id key name } }
  }
}
"""
    + _CARD
)

ONE = (
    """
query One($id: ID!) {
  task(id: $id) { ...Card project { id key name } }
}
"""
    + _CARD
)

BOARD = (
    """
query Board($projectId: ID!) {
  project(id: $projectId) {
    id key name
    statuses(first: 10) {
      nodes {
        id name type
        tasks(first: 20, sort: [{field: RANK}]) { nodes { ...Card commentCount } }
      }
    }
  }
}
"""
    + _CARD
)

TASK_CREATE = """
mutation TaskCreate($input: TaskCreateInput!, $key: String!) {
  taskCreate(input: $input, idempotencyKey: $key) {
    task { id number title priority dueDate createdAt version project { id key name } }
    syncSeq
    userErrors { code message field }
  }
}
"""

CURSORS = """
query Cursors($workspaceId: ID!, $ids: [ID!]!) {
  tasks(workspaceId: $workspaceId, first: 100, filter: {id: {in: $ids}}) { edges { cursor node { id } } }
}
"""
