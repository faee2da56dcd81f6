export function defaultTabs(email: string, password: string) {
  return [{ query: firstTab(email, password) }, { query: secondTab }];
}

const firstTab = (email: string, password: string) => `# Welcome to TaskFlow.
#
# 1. Put the cursor into SignIn, press Ctrl-Enter.
#    The token goes into the Headers editor below.
# 2. Put the cursor into Tasks, press Ctrl-Enter.
#
# The book at the top left documents every field.
# The next tab receives changes live.

mutation SignIn {
  signIn(input: {
    email: ${JSON.stringify(email)}
    password: ${JSON.stringify(password)}
  }) {
    accessToken
    expiresAt
    userErrors { message }
  }
}

query Tasks {
  tasks(first: 5) {
    totalCount
    nodes {
      identifier
      title
      priority
      status { name }
      assignee { name }
      labels { nodes { name } }
    }
  }
}
`;

const secondTab = `# Changes, live over a WebSocket, with the token
# of the Headers editor below.
#
# Start this, then change a task in another window:
# it appears on the right.

subscription TaskUpdates {
  taskUpdated {
    identifier
    title
    status { name }
    version
  }
}
`;
