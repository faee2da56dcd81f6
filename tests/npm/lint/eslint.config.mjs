// graphql-eslint's rules for schemas: `schema-recommended` and `schema-relay`, with the exceptions named here.
import graphql from '@graphql-eslint/eslint-plugin';

export default [
  {
    files: ['**/*.graphql'],
    languageOptions: {
      parser: graphql.parser,
      parserOptions: { graphQLConfig: { schema: './schema.graphql' } },
    },
    plugins: { '@graphql-eslint': graphql },
    rules: {
      ...graphql.configs['flat/schema-recommended'].rules,
      ...graphql.configs['flat/schema-relay'].rules,
      // Lists that are no connections are wanted: a connection's `nodes` beside its `edges`, a payload's `userErrors`,
      // the bounded lists of `changes` and `nodes(ids:)`, which are no pages of anything.
      '@graphql-eslint/relay-edge-types': ['error', { listTypeCanWrapOnlyEdgeType: false }],
      // Parts of an answer have no identity of their own: caches keep them within the object that holds them.
      '@graphql-eslint/strict-id-in-types': [
        'error',
        {
          exceptions: {
            suffixes: ['Connection', 'Edge', 'Payload'],
            types: [
              'ChangePage',
              'FieldChange',
              'OperationLimit',
              'PageInfo',
              'RateLimit',
              'SubtasksSummary',
              'UserError',
            ],
          },
        },
      ],
    },
  },
];
