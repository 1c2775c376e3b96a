import { type Signal, useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { Refusal } from '../api';
import { type Source, watch } from '../lib/watch';
import { snapshots, waitToRetry } from '../live';

/** What a live page knows: nothing yet, a value, or why there is none. */
export interface Live<T> {
  value: T | null;
  refusal: Refusal | null;
}

/** What is looked at: how to ask for it, and the hub's stream of it. */
export interface Subject<T> extends Pick<Source<T>, 'ask' | 'isOver'> {
  stream: 'Builds' | 'Build' | 'Job' | 'Runners' | 'Condition';
  /** What the stream is asked of; left out where it is of everything. */
  argument?: string | number | null;
}

/** A thing as it is, until the page is left. */
export function useLive<T>(subject: Subject<T>): Signal<Live<T>> {
  const { ask, isOver, stream, argument } = subject;
  const live = useSignal<Live<T>>({ value: null, refusal: null });
  useEffect(() => {
    const leaving = new AbortController();
    live.value = { value: null, refusal: null };
    watch<T>(
      {
        ask,
        isOver,
        follow: (stop) => snapshots<T>(stream, argument === undefined ? [] : [argument], stop),
        wait: waitToRetry,
      },
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
  }, [stream, argument]);
  return live;
}
