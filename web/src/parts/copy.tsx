import { useSignal } from '@preact/signals';

/** Copies a text, and says so. */
export function Copy({ text, what }: { text: string; what: string }) {
  const done = useSignal('');
  const copy = async () => {
    // The clipboard needs https or localhost; elsewhere the reader is told instead of left waiting.
    done.value = await copyText(text).then(
      () => 'copied',
      () => 'select and copy by hand: the browser allows it on https only',
    );
    setTimeout(() => {
      done.value = '';
    }, 2500);
  };
  return (
    <span class="copy">
      <button type="button" class="quiet" onClick={copy} aria-label={`Copy ${what}`} title={`Copy ${what}`}>
        <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
          <path class="line thin" d="M6 5.5h7.5v8.5H6zM4 10.5H2.5V2H10v1.5" />
        </svg>
      </button>
      <span role="status">{done.value}</span>
    </span>
  );
}

export async function copyText(text: string): Promise<void> {
  await navigator.clipboard.writeText(text);
}
