import { GraphiQL } from 'graphiql';
import { useMemo, useState } from 'react';

import { createFetcher } from './fetcher';
import { defaultTabs } from './tabs';
import { FillInToken, HEADERS, tokenIn } from './token';

export function App({ email, password }: { email: string; password: string }) {
  const [token, setToken] = useState<string>();
  const fetcher = useMemo(() => createFetcher((answer) => setToken((last) => tokenIn(answer) ?? last)), []);
  const tabs = useMemo(() => defaultTabs(email, password), [email, password]);
  return (
    <GraphiQL
      fetcher={fetcher}
      defaultTabs={tabs}
      defaultHeaders={HEADERS}
      defaultEditorToolsVisibility="headers"
      isHeadersEditorEnabled
      shouldPersistHeaders={false}
    >
      <GraphiQL.Logo>TaskFlow</GraphiQL.Logo>
      <FillInToken token={token} />
    </GraphiQL>
  );
}
