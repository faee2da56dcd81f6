// The part of TaskFlow's schema that the bench's documents use.
export const schema = `
  scalar DateTime
  scalar Date
  enum TaskPriority { NONE LOW MEDIUM HIGH URGENT }
  enum StatusType { BACKLOG UNSTARTED STARTED COMPLETED CANCELED }
  enum TaskSortField { RANK }
  input TaskSort { field: TaskSortField! }
  type User { id: ID! name: String! }
  type Label { id: ID! name: String! color: String! }
  type LabelConnection { nodes: [Label!]! }
  type Project { id: ID! key: String! name: String! statuses(first: Int): StatusConnection! }
  type Status {
    id: ID! name: String! type: StatusType!
    tasks(first: Int, sort: [TaskSort!]): TaskConnection!
  }
  type StatusConnection { nodes: [Status!]! }
  type Task {
    id: ID! number: Int! title: String! priority: TaskPriority! dueDate: Date createdAt: DateTime! version: Int!
    project: Project! assignee: User labels(first: Int): LabelConnection! commentCount: Int!
  }
  type TaskConnection { nodes: [Task!]! }
  type UserError { code: String! message: String! field: [String!] }
  type TaskPayload { task: Task syncSeq: String userErrors: [UserError!]! }
  input TaskCreateInput { projectId: ID! title: String! priority: TaskPriority dueDate: Date }
  type Query {
    tasks(workspaceId: ID!, first: Int, after: String): TaskConnection!
    task(id: ID!): Task
    project(id: ID!): Project
  }
  type Mutation { taskCreate(input: TaskCreateInput!, idempotencyKey: String): TaskPayload! }
`
