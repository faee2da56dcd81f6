import { useGraphiQL } from '@graphiql/react';
import { useEffect } from 'react';

export const HEADERS = headersWith('');

// Headers that say nothing but who asks: those that this page wrote, or the user has not changed.
const ONLY_AUTHORIZATION = /^\s*(\{\s*"Authorization"\s*:\s*"Bearer [^"]*"\s*\}\s*)?$/i;

/** The access token in the answer of signIn, signUp or tokenRefresh. */
export function tokenIn(answer: unknown): string | undefined {
  const data = (answer as { data?: Record<string, { accessToken?: unknown } | null> | null } | null)?.data;
  for (const payload of Object.values(data ?? {})) {
    if (typeof payload?.accessToken === 'string') return payload.accessToken;
  }
}

/** Puts the token into the headers editor, where it can be seen and changed, unless that holds more. */
export function FillInToken({ token }: { token?: string }) {
  const editor = useGraphiQL((state) => state.headerEditor);
  const tab = useGraphiQL((state) => state.activeTabIndex);
  useEffect(() => {
    if (token && editor && ONLY_AUTHORIZATION.test(editor.getValue())) {
      editor.setValue(headersWith(token));
    }
  }, [token, editor, tab]);
  return null;
}

function headersWith(token: string): string {
  return JSON.stringify({ Authorization: `Bearer ${token}` }, null, 2);
}
