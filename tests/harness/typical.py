"""The operations that clients send most."""

TASK = """
fragment Row on Task {
  id identifier title priority dueDate version
  project { id key } status { name type } assignee { name } creator { name } parent { id }
  labels(first: 5) { nodes { name } }
}"""
START = (
    """
query Start($me: ID!) {
  viewer { id name email avatarUrl timezone }
  workspaces(first: 20) {
    nodes { id slug name role syncSeq syncEpoch projects(first: 20) { nodes { id key name } } }
  }
  tasks(
    first: 20, filter: {assignee: {id: {eq: $me}}, status: {type: {in: [UNSTARTED, STARTED]}}}
    sort: [{field: UPDATED_AT, direction: DESC}]
  ) { nodes { ...Row } }
}"""
    + TASK
)
TASK_LIST = (
    """
query TaskList($workspaceId: ID, $first: Int, $after: String) {
  tasks(workspaceId: $workspaceId, first: $first, after: $after) {
    nodes { ...Row } pageInfo { hasNextPage endCursor }
  }
}"""
    + TASK
)
SORTED = """
query Sorted($workspaceId: ID, $filter: TaskFilter, $sort: [TaskSort!], $after: String) {
  tasks(workspaceId: $workspaceId, filter: $filter, sort: $sort, first: 50, after: $after) {
    nodes { id } pageInfo { endCursor }
  }
}"""
COUNT = "{ tasks(first: 1) { totalCount } }"
EVERYTHING = """
fragment Everything on Task {
  identifier description isBlocked commentCount viewerCanUpdate subtasksSummary { total completed }
  project { key statuses { nodes { name } } }
  labels { totalCount nodes { name project { key } } }
  subtasks { nodes { identifier status { name } assignee { name } } }
  comments { nodes { body author { name } replies { nodes { body author { name } } } } }
  activity(first: 3) { nodes { type actor { name } } }
  blockedBy { nodes { identifier } } blocks { nodes { identifier } }
  relations { nodes { type relatedTask { identifier } } }
  inverseRelations { nodes { type task { identifier } } }
}"""
ONE_TASK = "query OneTask($id: ID!) { task(id: $id) { ...Everything } }" + EVERYTHING
TASKS_WITH_EVERYTHING = (
    """
query TasksWithEverything($workspaceId: ID, $first: Int) {
  tasks(workspaceId: $workspaceId, first: $first) { nodes { ...Everything } }
}"""
    + EVERYTHING
)
BOARD = """
query Board($id: ID!) {
  project(id: $id) {
    id key name
    statuses {
      nodes {
        id name type
        tasks(first: 20, sort: [{field: RANK}]) {
          nodes { id identifier title assignee { name } labels { nodes { name } } commentCount }
        }
      }
    }
  }
}"""
OF_ANY_TYPE = """
fragment OfAnyType on Node {
  __typename id
  ... on User { name }
  ... on Workspace { slug syncSeq }
  ... on Member { role user { name } }
  ... on Project { key workspace { slug } }
  ... on Status { name project { key } }
  ... on Task { identifier status { name } labels { nodes { name } } }
  ... on TaskRelation { relatedTask { identifier } }
  ... on Label { name workspace { slug } }
  ... on Comment { body author { name } replies { nodes { body } } }
  ... on Event { seq actor { name } }
}"""
NODE = "query OneNode($id: ID!) { node(id: $id) { ...OfAnyType } }" + OF_ANY_TYPE
NODES = "query MixedNodes($ids: [ID!]!) { nodes(ids: $ids) { ...OfAnyType } }" + OF_ANY_TYPE
CURSOR = """
query Cursor($workspaceId: ID, $ids: [ID!]!) {
  tasks(workspaceId: $workspaceId, first: 1, filter: {id: {in: $ids}}) { pageInfo { endCursor } }
}"""
