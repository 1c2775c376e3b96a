import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import type { Refusal } from '../api';
import { SIGN_IN_HINT } from '../session';

/** Names the browser's tab while the page is shown. */
export function useTitle(title: string) {
  useEffect(() => {
    document.title = `${title} - TestGrid`;
  }, [title]);
}

/** What stands in a page's place until there is something to show, and when there never will be. */
export function NothingYet({ what, refusal }: { what: string; refusal: Refusal | null }) {
  useTitle(refusal ? `${what}: not shown` : what);
  return (
    <section class="page">
      <h1>{what}</h1>
      {refusal ? <Refused refusal={refusal} /> : <p class="muted">Loading …</p>}
    </section>
  );
}

export function Refused({ refusal }: { refusal: Refusal }) {
  const signIn = refusal.status === 401 || refusal.status === 403;
  return (
    <Notice kind="error" title={refusal.message}>
      {refusal.detail && <p>{refusal.detail}</p>}
      {signIn && <p>{SIGN_IN_HINT.replaceAll('`', '')}</p>}
      {refusal.status === 404 && (
        <p>
          It may have been removed. See the <a href="/">builds</a>.
        </p>
      )}
    </Notice>
  );
}

interface NoticeProps {
  kind: 'error' | 'warning' | 'note';
  title: string;
  children?: ComponentChildren;
}

export function Notice({ kind, title, children }: NoticeProps) {
  return (
    <div class={`notice is-${kind}`} role={kind === 'error' ? 'alert' : undefined}>
      <p class="notice-title">{title}</p>
      {children}
    </div>
  );
}
