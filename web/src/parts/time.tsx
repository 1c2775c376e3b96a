import { signal, useComputed } from '@preact/signals';
import { ago, exactly, took } from '../lib/time';

/** The page's clock, a tick a second, standing still while nobody looks. */
const now = signal(Date.now());
setInterval(() => {
  if (!document.hidden) now.value = Date.now();
}, 1000);
document.addEventListener('visibilitychange', () => {
  now.value = Date.now();
});

/** How long ago. Only its text node changes, and only when the words do. */
export function Ago({ at }: { at: string }) {
  const words = useComputed(() => ago(at, now.value));
  return (
    <time dateTime={at} title={exactly(at)}>
      {words}
    </time>
  );
}

/** How long it took, or has taken so far. */
export function Took({ from, to }: { from: string | null; to: string | null }) {
  return from === null ? null : <TookSince key={`${from} ${to}`} from={from} to={to} />;
}

function TookSince({ from, to }: { from: string; to: string | null }) {
  const words = useComputed(() => took(from, to, to === null ? now.value : 0));
  return <span class="took">{words}</span>;
}
