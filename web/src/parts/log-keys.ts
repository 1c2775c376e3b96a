import { useEffect } from 'preact/hooks';
import { lineLink, readLineLink } from '../lib/line-link';
import { settle } from '../place';
import { copyText } from './copy';
import type { LogPane } from './log-pane';
import type { SearchControl } from './log-search';

interface LogKeys {
  pane: { current: LogPane | null };
  search: SearchControl;
  say: (words: string) => void;
  copyLines: () => void;
}

/** The log's keys, from anywhere on the page but where text is typed. */
export function useLogKeys({ pane, search, say, copyLines }: LogKeys) {
  useEffect(() => {
    const pickedLine = () => (readLineLink(location.hash)?.from ?? (pane.current?.topLine ?? 0) + 1) - 1;

    const pickFold = (by: 1 | -1) => {
      const folds = pane.current?.log.folds.list ?? [];
      const here = pickedLine();
      const next = by > 0 ? folds.find((fold) => fold.head > here) : folds.findLast((fold) => fold.head < here);
      if (next) settle(location.pathname + location.search + lineLink({ from: next.head + 1, to: next.head + 1 }));
    };

    const copyLink = () => {
      const range = readLineLink(location.hash) ?? { from: pickedLine() + 1, to: pickedLine() + 1 };
      copyText(location.origin + location.pathname + location.search + lineLink(range)).then(
        () => say('link copied'),
        () => say('the browser allows copying on https only'),
      );
    };

    const keys: Record<string, () => void> = {
      '/': () => search.input.current?.select(),
      n: () => search.step(1),
      N: () => search.step(-1),
      '[': () => pickFold(-1),
      ']': () => pickFold(1),
      o: () => pane.current?.toggleFold(pickedLine()),
      l: copyLink,
      y: copyLines,
      g: () => pane.current?.show(0),
      G: () => pane.current?.follow(),
    };

    const press = (event: KeyboardEvent) => {
      const inSearch = document.activeElement === search.input.current;
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'f') {
        // The first asks here, where all lines are; the second is the browser's, which people also want.
        if (inSearch) return;
        event.preventDefault();
        search.input.current?.focus();
        search.input.current?.select();
        return;
      }
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if ((event.target as HTMLElement).closest('input, select, textarea')) return;
      const act = keys[event.key];
      if (!act) return;
      event.preventDefault();
      act();
    };
    addEventListener('keydown', press);
    return () => removeEventListener('keydown', press);
  }, []);
}
