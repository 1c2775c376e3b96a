import { type Signal, useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { paths } from '../api';
import { DARK, LIGHT } from '../lib/colours';
import { lineLink, readLineLink } from '../lib/line-link';
import { isFinal } from '../lib/state';
import { useInShort } from '../lib/use';
import { place, settle } from '../place';
import type { JobDetail } from '../types';
import { copyText } from './copy';
import { useLogKeys } from './log-keys';
import { LogPane, type PaneState } from './log-pane';
import { linesInWords } from './log-row';
import { SearchBar, type SearchControl, useLogSearch } from './log-search';
import { readLog } from './log-source';

interface LogViewProps {
  detail: JobDetail;
  attempt: number;
  /** Where the page's phases put the byte that shall be shown. */
  wanted: Signal<number | null>;
}

const COPY_LINES_MAX = 20_000;

/** A job's log: live or over, whole, searchable, each line with an address. */
export function LogView({ detail, attempt, wanted }: LogViewProps) {
  const scroller = useRef<HTMLElement>(null);
  const pane = useRef<LogPane | null>(null);
  const state = useSignal<PaneState>({ lines: 0, following: false, newLines: 0 });
  const trouble = useSignal<string | null>(null);
  const all = useSignal(false);
  // New is what came while somebody watched; a log that was over comes whole.
  const wasLive = useRef(!isFinal(detail.job.state) && attempt === detail.job.attempt).current;
  const said = useSignal('');
  const search = useLogSearch(pane, all);
  useLog({ detail, attempt, scroller, pane, state, trouble, all });
  useLineLink(pane, state);
  useFailedPhases(pane, detail);
  useUses(pane, detail);

  const say = (words: string) => {
    said.value = words;
  };
  const copyLines = () => copyPicked(pane.current).then(say, (error) => say(String(error)));
  useLogKeys({ pane, search, say, copyLines });

  useEffect(() => {
    const log = pane.current?.log;
    if (wanted.value === null || !log || (log.store.bytes <= wanted.value && !all.value)) return;
    pane.current?.show(log.store.lineAt(wanted.value));
    wanted.value = null;
  }, [wanted.value, state.value.lines, all.value]);

  const { lines, following, newLines } = state.value;
  const picked = readLineLink(place.value.hash);
  return (
    <section class="log-view" aria-label="Log">
      <LogBar search={search} said={said.value} lines={lines} raw={paths.log(detail.job.id, attempt)}>
        {picked && (
          <button type="button" class="quiet" onClick={copyLines}>
            Copy {picked.from === picked.to ? 'line' : `${picked.to - picked.from + 1} lines`}
          </button>
        )}
        <button type="button" class="quiet" onClick={() => pane.current?.toggleAll(false)}>
          Fold all
        </button>
        <button type="button" class="quiet" onClick={() => pane.current?.toggleAll(true)}>
          Open all
        </button>
      </LogBar>
      {trouble.value && (
        <p class="log-trouble" role="status">
          {trouble.value}
        </p>
      )}
      <div class="log-frame">
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard */}
        <section class="log" ref={scroller} tabIndex={0} aria-label="Log lines" />
        {lines === 0 && <p class="log-empty muted">{all.value ? 'The log is empty.' : 'No output yet.'}</p>}
        {wasLive && !following && (newLines > 0 || !all.value) && lines > 0 && (
          <NewLines
            count={newLines}
            follow={() => pane.current?.follow()}
            scroll={(by) => scroller.current?.scrollBy(0, by)}
          />
        )}
      </div>
      <p class="keys muted">
        Keys: <kbd>/</kbd> search, <kbd>n</kbd> <kbd>N</kbd> next and previous match, <kbd>[</kbd> <kbd>]</kbd> folds,{' '}
        <kbd>o</kbd> open or fold, <kbd>l</kbd> copy link, <kbd>y</kbd> copy lines, <kbd>G</kbd> end and follow.
      </p>
    </section>
  );
}

interface LogBarProps {
  search: SearchControl;
  said: string;
  lines: number;
  raw: string;
  children: ComponentChildren;
}

function LogBar({ search, said, lines, raw, children }: LogBarProps) {
  return (
    <div class="log-bar">
      <h2>Log</h2>
      <span class="muted log-count">{lines > 0 && linesInWords(lines)}</span>
      <SearchBar search={search} />
      <span class="said" role="status">
        {said}
      </span>
      <div class="log-tools">
        {children}
        <a class="button quiet" href={raw}>
          Raw
        </a>
      </div>
    </div>
  );
}

/** How often the count of new lines is read out, in milliseconds: each of them would drown everything else. */
const TELL_EVERY = 5000;

interface NewLinesProps {
  count: number;
  follow: () => void;
  /** The button lies over the log, not in it: the wheel goes on to the log. */
  scroll: (by: number) => void;
}

/** The way back to the end, and how much has come there. */
function NewLines({ count, follow, scroll }: NewLinesProps) {
  const words = count > 0 ? `${count.toLocaleString('en')} new ${count === 1 ? 'line' : 'lines'}` : '';
  const newest = useRef(words);
  newest.current = words;
  const told = useSignal('');
  useEffect(() => {
    const timer = setInterval(() => {
      told.value = newest.current;
    }, TELL_EVERY);
    return () => clearInterval(timer);
  }, []);
  return (
    <>
      <button type="button" class="pill" onClick={follow} onWheel={(event) => scroll(event.deltaY)}>
        ↓ {words || 'Follow'}
      </button>
      <span class="sr-only" role="status">
        {told}
      </span>
    </>
  );
}

interface LogParts {
  detail: JobDetail;
  attempt: number;
  scroller: { current: HTMLElement | null };
  pane: { current: LogPane | null };
  state: Signal<PaneState>;
  trouble: Signal<string | null>;
  all: Signal<boolean>;
}

/** Makes the pane and fills it, anew for each attempt. */
function useLog({ detail, attempt, scroller, pane, state, trouble, all }: LogParts) {
  const newest = useRef(detail);
  newest.current = detail;

  useEffect(() => {
    if (!scroller.current) return;
    const dark = matchMedia('(prefers-color-scheme: dark)');
    const made = new LogPane(scroller.current, dark.matches ? DARK : LIGHT, (now) => {
      state.value = now;
    });
    pane.current = made;
    const repaint = () => made.setTheme(dark.matches ? DARK : LIGHT);
    dark.addEventListener('change', repaint);
    const click = (event: MouseEvent) => pick(event, made);
    const lines = scroller.current;
    lines.addEventListener('click', click);

    const isOver = () => isFinal(newest.current.job.state);
    // A running log is followed, and one that ended badly is read from its end; a link to a line says otherwise.
    if (newest.current.job.state !== 'passed' && readLineLink(location.hash) === null) made.follow();
    all.value = false;
    const leaving = new AbortController();
    readLog(
      { job: detail.job.id, attempt, isNewest: attempt === newest.current.job.attempt },
      isOver,
      {
        take: (bytes) => made.append(bytes),
        trouble: (words) => {
          trouble.value = words;
        },
        done: () => {
          made.finish();
          all.value = true;
        },
      },
      leaving.signal,
    );
    return () => {
      leaving.abort();
      dark.removeEventListener('change', repaint);
      lines.removeEventListener('click', click);
      made.dispose();
      pane.current = null;
    };
  }, [detail.job.id, attempt]);
}

/** Shows what the address points to, as soon as it is there. */
function useLineLink(pane: { current: LogPane | null }, state: Signal<PaneState>) {
  const shown = useRef('');
  const { hash } = place.value;
  const range = readLineLink(hash);
  const isThere = range !== null && state.value.lines >= range.from;
  useEffect(() => {
    pane.current?.setPicked(range);
    if (!range || !isThere || shown.current === hash) return;
    shown.current = hash;
    pane.current?.show(range.from - 1);
  }, [hash, isThere, pane]);
}

function useFailedPhases(pane: { current: LogPane | null }, detail: JobDetail) {
  const failed = detail.phases.filter((phase) => phase.exitCode !== 0).map((phase) => phase.phase);
  useEffect(() => {
    pane.current?.setFailedPhases(new Set(failed));
  }, [failed.join(' '), detail.job.id]);
}

/** What each command used stands beside its time. */
function useUses(pane: { current: LogPane | null }, detail: JobDetail) {
  useEffect(() => {
    const told = detail.commands.flatMap(({ timer, use }): [string, string][] =>
      timer && use ? [[timer, useInShort(use)]] : [],
    );
    pane.current?.setUses(new Map(told));
  }, [detail.commands.length, detail.job.id]);
}

/** A click on a fold's heading opens or closes it; on a line's number picks the line, with shift a range. */
function pick(event: MouseEvent, pane: LogPane) {
  const target = event.target as HTMLElement;
  const row = target.closest<HTMLElement>('.row');
  if (!row) return;
  const line = Number(row.dataset.line);
  const inGutter = event.clientX - row.getBoundingClientRect().left < gutterOf(row);
  if (inGutter) {
    const before = event.shiftKey ? readLineLink(location.hash) : null;
    const [from, to] = [before?.from ?? line + 1, line + 1];
    settle(location.pathname + location.search + lineLink({ from: Math.min(from, to), to: Math.max(from, to) }));
  } else if (pane.log.folds.headedBy(line) && getSelection()?.isCollapsed !== false) {
    pane.toggleFold(line);
  }
}

function gutterOf(row: HTMLElement): number {
  return Number.parseFloat(getComputedStyle(row, '::before').width) || 60;
}

async function copyPicked(pane: LogPane | null): Promise<string> {
  const range = readLineLink(location.hash);
  if (!pane || !range) return 'Pick a line by its number first';
  const to = Math.min(range.to, pane.log.lines, range.from + COPY_LINES_MAX - 1);
  const lines: string[] = [];
  for (let line = range.from - 1; line < to; line++) lines.push(pane.log.plain(line));
  await copyText(lines.join('\n'));
  return `${linesInWords(lines.length)} copied`;
}
