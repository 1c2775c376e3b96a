import { type Signal, useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { LogSearch } from '../lib/search';
import type { LogPane } from './log-pane';

export interface SearchControl {
  query: Signal<string>;
  /** «3 of 17», «no match», or nothing. */
  count: Signal<string>;
  input: { current: HTMLInputElement | null };
  ask: (query: string) => void;
  step: (by: 1 | -1) => void;
}

/** Searching may use this much of a frame, in milliseconds. */
const SLICE = 8;

/** Searches the log while it grows, a slice at a time. */
export function useLogSearch(pane: { current: LogPane | null }, all: Signal<boolean>): SearchControl {
  const query = useSignal('');
  const count = useSignal('');
  const input = useRef<HTMLInputElement>(null);
  const search = useRef<LogSearch | null>(null);
  const at = useRef(-1);
  const timer = useRef(0);

  const tell = () => {
    const found = search.current?.found.length ?? 0;
    if (!search.current) count.value = '';
    else if (found === 0) count.value = 'no match';
    else count.value = at.current < 0 ? `${found} lines` : `${at.current + 1} of ${found}`;
  };

  const goTo = (index: number) => {
    const line = search.current?.found[index];
    if (line === undefined) return;
    at.current = index;
    pane.current?.setSearch(search.current, line);
    pane.current?.show(line);
    tell();
  };

  /** The first match from where the reader is. */
  const land = () => {
    const found = search.current?.found ?? [];
    const from = pane.current?.topLine ?? 0;
    const next = found.findIndex((line) => line >= from);
    goTo(Math.max(next, 0));
  };

  const run = () => {
    const now = search.current;
    if (!now) return;
    const end = performance.now() + SLICE;
    let more = true;
    while (more && performance.now() < end) more = now.advance(all.value);
    if (at.current < 0 && now.found.length > 0 && !more) land();
    tell();
    // Done with what is there: look again in a while for what has come since.
    timer.current = window.setTimeout(run, more ? 0 : 500);
  };

  const ask = (text: string) => {
    clearTimeout(timer.current);
    query.value = text;
    at.current = -1;
    search.current = text === '' || !pane.current ? null : new LogSearch(pane.current.log, text);
    pane.current?.setSearch(search.current);
    tell();
    if (search.current) run();
  };

  const step = (by: 1 | -1) => {
    const found = search.current?.found.length ?? 0;
    if (found === 0) return;
    if (at.current < 0) land();
    else goTo((at.current + by + found) % found);
  };

  useEffect(() => () => clearTimeout(timer.current), []);
  return { query, count, input, ask, step };
}

export function SearchBar({ search }: { search: SearchControl }) {
  return (
    <search class="search">
      <input
        type="search"
        ref={search.input}
        value={search.query.value}
        placeholder="Search the log"
        aria-label="Search the log"
        spellcheck={false}
        autocomplete="off"
        onInput={(event) => search.ask(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === 'Enter') search.step(event.shiftKey ? -1 : 1);
          if (event.key === 'Escape') {
            search.ask('');
            event.currentTarget.blur();
          }
        }}
      />
      <span class="search-count" role="status">
        {search.count}
      </span>
      {search.query.value !== '' && (
        <>
          <button type="button" class="quiet" aria-label="Previous match" onClick={() => search.step(-1)}>
            ↑
          </button>
          <button type="button" class="quiet" aria-label="Next match" onClick={() => search.step(1)}>
            ↓
          </button>
        </>
      )}
    </search>
  );
}
