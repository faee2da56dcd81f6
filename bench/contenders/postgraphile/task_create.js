import { sideEffectWithPgClientTransaction } from 'postgraphile/@dataplan/pg'
import { access, object } from 'postgraphile/grafast'
import { extendSchema, gql } from 'postgraphile/utils'
import { writeTask } from '../node/write_task.js'

// A custom mutation, since the generated createTask allocates no number and writes no event.
export const TaskCreatePlugin = extendSchema(build => {
  const { tasks } = build.input.pgRegistry.pgResources
  return {
    typeDefs: gql`
      enum TaskPriority { NONE LOW MEDIUM HIGH URGENT }
      input TaskCreateFields { projectId: UUID! title: String! priority: TaskPriority dueDate: Date }
      type TaskCreated { task: Task syncSeq: String }
      extend type Mutation { taskCreate(input: TaskCreateFields!, idempotencyKey: String!): TaskCreated }
    `,
    objects: {
      Mutation: {
        plans: {
          taskCreate (_, { $input, $idempotencyKey }) {
            const $asked = object({ input: $input, key: $idempotencyKey })
            return sideEffectWithPgClientTransaction(tasks.executor, $asked, (client, { input, key }) =>
              writeTask(client, input, key))
          },
        },
      },
      TaskCreated: {
        plans: {
          task: $written => tasks.get({ id: access($written, 'id') }),
          syncSeq: $written => access($written, 'seq'),
        },
      },
    },
  }
})
