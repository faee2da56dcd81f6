"""The operations in the API that PostGraphile makes of TaskFlow's tables; aliases give the shared shape."""

_CARD = """
fragment Card on Task {
  id: rowId number title priority dueDate createdAt version
  assignee: userByAssigneeId { id: rowId name }
  labels: labelsByTaskLabelTaskIdAndLabelId(first: 20, orderBy: [NAME_ASC, ROW_ID_ASC]) {
    nodes { id: rowId name color }
  }
}
"""
_PROJECT = """
fragment Projected on Task { project: projectByProjectId { id: rowId key name } }
"""

PAGE = (
    """
query Page($workspaceId: UUID!, $after: Cursor) {
  tasks: allTasks(
    first: 50, after: $after, orderBy: [CREATED_AT_DESC, ROW_ID_DESC]
    condition: {workspaceId: $workspaceId, archivedAt: null, deletedAt: null}
  ) {
    nodes { ...Card ...Projected }
  }
}
"""
    + _CARD
    + _PROJECT
)

ONE = (
    """
query One($workspaceId: UUID!, $id: UUID!) {
  tasks: allTasks(first: 1, condition: {rowId: $id, workspaceId: $workspaceId}) {
    nodes { ...Card ...Projected }
  }
}
"""
    + _CARD
    + _PROJECT
)

BOARD = (
    """
query Board($workspaceId: UUID!, $projectId: UUID!) {
  projects: allProjects(first: 1, condition: {rowId: $projectId, workspaceId: $workspaceId}) {
    nodes {
      id: rowId key name
      statuses: statusesByProjectId(
        first: 10, orderBy: POSITION_ASC, condition: {workspaceId: $workspaceId}
      ) {
        nodes {
          id: rowId name type
          tasks: tasksByStatusId(
            first: 20, orderBy: [RANK_ASC, ROW_ID_ASC]
            condition: {workspaceId: $workspaceId, archivedAt: null, deletedAt: null}
          ) {
            nodes { ...Card comments: commentsByTaskId(condition: {deletedAt: null}) { totalCount } }
          }
        }
      }
    }
  }
}
"""
    + _CARD
)

TASK_CREATE = (
    """
mutation TaskCreate($input: TaskCreateFields!, $key: String!) {
  taskCreate(input: $input, idempotencyKey: $key) {
    task { id: rowId number title priority dueDate createdAt version ...Projected }
    syncSeq
  }
}
"""
    + _PROJECT
)

CURSOR = """
query Cursor($id: UUID!) {
  tasks: allTasks(first: 1, orderBy: [CREATED_AT_DESC, ROW_ID_DESC], condition: {rowId: $id}) {
    edges { cursor }
  }
}
"""
