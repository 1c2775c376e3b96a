import { type Signal, useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { Refusal } from '../api';
import { watch } from '../lib/watch';
import { snapshots, waitToRetry } from '../live';

/** What a live page knows: nothing yet, a value, or why there is none. */
export interface Live<T> {
  value: T | null;
  refusal: Refusal | null;
}

/** A thing as it is, until the page is left. `key` changes when another thing is meant. */
export function useLive<T>(key: string, ask: () => Promise<T>, stream: string, args: unknown[]): Signal<Live<T>> {
  const live = useSignal<Live<T>>({ value: null, refusal: null });
  useEffect(() => {
    const leaving = new AbortController();
    live.value = { value: null, refusal: null };
    watch<T>(
      { ask, follow: (stop) => snapshots<T>(stream, args, stop), wait: waitToRetry },
      (value) => {
        live.value = { value, refusal: null };
      },
      (error) => {
        const refusal = error instanceof Refusal ? error : new Refusal(0, String(error), null);
        // What is shown stays while the server is away; what does not exist (any more) is told at once.
        const isAnswer = refusal.status >= 400 && refusal.status < 500;
        if (live.value.value === null || isAnswer) live.value = { value: live.value.value, refusal };
        return isAnswer;
      },
      leaving.signal,
    );
    return () => leaving.abort();
  }, [key]);
  return live;
}
