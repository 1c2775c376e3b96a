import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { Refusal } from '../api';
import { SIGN_IN_HINT, session } from '../session';

interface ActionProps {
  children: ComponentChildren;
  /** Does it. What it throws is told beside the button. */
  run: () => Promise<void>;
  /** Asked before: for what can't be taken back. */
  confirm?: string;
  disabled?: boolean;
  kind?: 'primary' | 'danger' | 'quiet';
}

/** A button that changes something: only for who is signed in, once at a time, and honest about failure. */
export function Action({ children, run, confirm: question, disabled, kind }: ActionProps) {
  const busy = useSignal(false);
  const trouble = useSignal<string | null>(null);
  const mayWrite = session.value?.signedIn ?? false;

  const act = async () => {
    if (question && !confirm(question)) return;
    busy.value = true;
    trouble.value = null;
    try {
      await run();
    } catch (error) {
      trouble.value = inWords(error);
    } finally {
      busy.value = false;
    }
  };

  return (
    <span class="action">
      <button
        type="button"
        class={kind}
        disabled={!mayWrite || disabled || busy.value}
        title={mayWrite ? undefined : SIGN_IN_HINT}
        onClick={act}
      >
        {children}
      </button>
      <span class="trouble" role="status">
        {trouble.value}
      </span>
    </span>
  );
}

export function inWords(error: unknown): string {
  if (!(error instanceof Refusal)) return String(error);
  return error.detail ? `${error.message}: ${error.detail}` : error.message;
}

/** Said once a page, above buttons that are greyed out. */
export function SignInHint() {
  if (session.value === null || session.value.signedIn) return null;
  return (
    <p class="hint">
      Read only here. To start, rerun or cancel, sign in with the link that <code>testgrid up</code> printed, or{' '}
      <code>testgrid signin</code>.
    </p>
  );
}
