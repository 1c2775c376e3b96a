import { useEffect, useRef } from 'preact/hooks';
import { type GridLayout, neighbour } from '../lib/grid';
import { jobPath } from '../lib/links';
import { STATES } from '../lib/state';
import type { JobSummary } from '../types';
import { StateShape } from './state';
import { Took } from './time';

/** Key → steps down and across. */
const STEPS: Record<string, [number, number]> = {
  h: [0, -1],
  ArrowLeft: [0, -1],
  j: [1, 0],
  ArrowDown: [1, 0],
  k: [-1, 0],
  ArrowUp: [-1, 0],
  l: [0, 1],
  ArrowRight: [0, 1],
};

/** From more columns than this, cells are narrow. */
const WIDE = 8;

/** A build's jobs as a table: the first axis down, the others across. */
export function Grid({ layout }: { layout: GridLayout }) {
  const table = useRef<HTMLTableElement>(null);
  useGridKeys(table, layout);
  const [down = '', ...across] = layout.axes;
  // Letters instead of words, so that a wide matrix is seen as a whole.
  const narrow = layout.columns.length > WIDE;
  return (
    <section class="grid-scroll" aria-label="Jobs">
      <table class={`grid${narrow ? ' narrow' : ''}`} ref={table}>
        <caption class="sr-only">
          Jobs: {down} down{across.length > 0 ? `, ${across.join(' and ')} across` : ''}
        </caption>
        <thead>
          {across.length === 0 ? (
            <tr>
              <th scope="col" class="corner">
                {down}
              </th>
              <th scope="col">job</th>
            </tr>
          ) : (
            layout.headers.map((header, level) => (
              <tr key={level}>
                <th scope="col" class="corner">
                  {level === layout.headers.length - 1 && <span class="axis down">{down}</span>}
                  <span class="axis across">{across[level]}</span>
                </th>
                {header.map((cell, at) => (
                  <th key={at} scope={cell.span > 1 ? 'colgroup' : 'col'} colSpan={cell.span}>
                    {cell.value}
                  </th>
                ))}
              </tr>
            ))
          )}
        </thead>
        <tbody>
          {layout.rows.map((row, r) => (
            <tr key={row.value}>
              <th scope="row">{row.value}</th>
              {row.slots.map((jobs, c) => (
                <td key={c} data-slot={`${r},${c}`} class={jobs.length === 0 ? 'none' : undefined}>
                  {jobs.length === 0 && <span class="sr-only">no job</span>}
                  {jobs.map((job) => (
                    <Cell key={job.id} job={job} narrow={narrow} />
                  ))}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Cell({ job, narrow }: { job: JobSummary; narrow: boolean }) {
  const { word, letter } = STATES[job.state];
  const told = note(job);
  return (
    <a class={`cell is-${job.state}`} href={jobPath(job.id)} title={(narrow && told) || (job.sentence ?? undefined)}>
      <StateShape state={job.state} size={18} />
      <span class="cell-word">
        {narrow ? (
          <>
            <span aria-hidden="true">{letter}</span>
            <span class="sr-only">{word}</span>
          </>
        ) : (
          word
        )}
      </span>
      <span class="cell-time">
        <Took from={job.startedAt} to={job.finishedAt} />
      </span>
      {(job.allowFailure || (!narrow && (job.name || told))) && (
        <span class="cell-note">
          {!narrow && job.name && <span>{job.name}</span>}
          {job.allowFailure && <MayFail />}
          {!narrow && told && <span>{told}</span>}
        </span>
      )}
      <span class="sr-only">, job {job.id}</span>
    </a>
  );
}

/** What a cell has to say besides its state: what it waits for, or why it ended as it did. */
function note(job: JobSummary): string | null {
  if (job.waitsFor && !STATES[job.state].final) return job.waitsFor;
  if (job.state === 'failed' && job.exitCode !== null) return `exit ${job.exitCode}`;
  return job.state === 'errored' || job.state === 'failed' ? job.reason : null;
}

function MayFail() {
  return (
    <span class="may-fail" title="Allowed to fail: a red result does not make the build red">
      may fail
    </span>
  );
}

/** Jobs one below the other: a build without axes, or what has no place in its grid. */
export function JobList({ jobs }: { jobs: JobSummary[] }) {
  return (
    <ul class="job-list">
      {jobs.map((job) => (
        <li key={job.id}>
          <a class={`job-row is-${job.state}`} href={jobPath(job.id)}>
            <StateShape state={job.state} size={18} />
            <span class="cell-word">{STATES[job.state].word}</span>
            <span class="job-name">
              <span class="job-id">{job.id}</span> {job.name ?? valuesInWords(job)}
              {job.allowFailure && <MayFail />}
            </span>
            <span class="job-note">
              {STATES[job.state].final ? (job.state === 'passed' ? null : job.sentence) : job.waitsFor}
            </span>
            <span class="cell-time">
              <Took from={job.startedAt} to={job.finishedAt} />
            </span>
          </a>
        </li>
      ))}
    </ul>
  );
}

/** `python 3.12, env MODE=fast`; the bundle for a job that nothing sets apart. */
export function valuesInWords(job: JobSummary): string {
  if (job.values.length === 0) return job.bundle;
  return job.values.map(({ axis, value }) => `${axis} ${value}`).join(', ');
}

/** Moves over the cells by keys from anywhere on the page but where text is typed. */
function useGridKeys(table: { current: HTMLTableElement | null }, layout: GridLayout) {
  useEffect(() => {
    const links = (row: number, column: number) =>
      table.current?.querySelectorAll<HTMLAnchorElement>(`td[data-slot="${row},${column}"] a`) ?? [];

    const move = (event: KeyboardEvent) => {
      const step = STEPS[event.key];
      const target = event.target as HTMLElement;
      if (!step || event.ctrlKey || event.metaKey || event.altKey || target.closest('input, select, textarea')) return;
      const slot = document.activeElement?.closest('td[data-slot]')?.getAttribute('data-slot');
      // Arrows belong to the page until a cell has the focus; the letters are ours.
      if (!slot && event.key.length > 1) return;
      const [row = 0, column = 0] = slot?.split(',').map(Number) ?? [];
      const next = slot ? neighbour(layout, row, column, step[0], step[1]) : firstCell(layout);
      if (!next) return;
      event.preventDefault();
      links(next[0], next[1])[0]?.focus();
    };
    addEventListener('keydown', move);
    return () => removeEventListener('keydown', move);
  }, [table, layout]);
}

function firstCell(layout: GridLayout): [number, number] | null {
  for (const [row, { slots }] of layout.rows.entries()) {
    const column = slots.findIndex((jobs) => jobs.length > 0);
    if (column >= 0) return [row, column];
  }
  return null;
}
