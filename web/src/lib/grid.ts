import type { JobSummary } from '../types';

/** One column: a value for every axis but the first. Empty in a build of one axis. */
export type Column = readonly string[];

export interface HeaderCell {
  value: string;
  /** Columns it stands above. */
  span: number;
}

export interface GridRow {
  value: string;
  /** One slot a column. More than one job in it when the configuration asks twice for the same cell. */
  slots: JobSummary[][];
}

/** A build's jobs as a table: the first axis down, the others across, and what has no place in it. */
export interface GridLayout {
  axes: string[];
  columns: Column[];
  /** One row of headers for each axis across. */
  headers: HeaderCell[][];
  rows: GridRow[];
  /** Jobs that the configuration added one by one, with values of their own. */
  extra: JobSummary[];
}

/** From how many lines on the other way a line with a single job in it is noise, not a row. */
const SPARSE = 3;

export function layOut(axes: readonly string[], jobs: readonly JobSummary[]): GridLayout {
  const placed: Placed[] = [];
  const extra: JobSummary[] = [];
  for (const job of jobs) {
    const place = axes.length > 0 ? placeOf(axes, job) : null;
    if (place) placed.push({ job, ...place });
    else extra.push(job);
  }
  const kept = withoutLoners(placed);
  extra.push(...placed.filter((one) => !kept.includes(one)).map((one) => one.job));
  extra.sort((one, other) => one.cell - other.cell);

  const rowValues = [...new Set(kept.map((one) => one.row))];
  const columns = sortedColumns(kept.map((one) => one.column));
  const slots = new Map<string, JobSummary[]>();
  for (const { job, row, column } of kept) {
    const key = keyOf([row, ...column]);
    slots.set(key, [...(slots.get(key) ?? []), job]);
  }
  return {
    axes: [...axes],
    columns,
    headers: axes.slice(1).map((_, axis) => headerRow(columns, axis)),
    rows: rowValues.map((value) => ({
      value,
      slots: columns.map((column) => slots.get(keyOf([value, ...column])) ?? []),
    })),
    extra,
  };
}

interface Placed {
  job: JobSummary;
  row: string;
  column: Column;
}

/** A job has a place if it says a value for each axis, and nothing besides. */
function placeOf(axes: readonly string[], job: JobSummary): { row: string; column: Column } | null {
  if (job.values.length !== axes.length) return null;
  const values = axes.map((axis) => job.values.find((value) => value.axis === axis)?.value);
  if (values.some((value) => value === undefined)) return null;
  const [row = '', ...column] = values as string[];
  return { row, column };
}

/**
 * A job with a value that no other has, which alone would make a whole column (or row) of an otherwise full table,
 * was added on its own: it is listed. What an exclusion has left standing alone stays: its values are others', too.
 */
function withoutLoners(placed: Placed[]): Placed[] {
  const rows = countBy(placed, (one) => one.row);
  const columns = countBy(placed, (one) => keyOf(one.column));
  const values = placed[0]?.column.map((_, axis) => countBy(placed, (one) => one.column[axis] ?? '')) ?? [];
  return placed.filter((one) => {
    const ownValue = one.column.some((value, axis) => values[axis]?.get(value) === 1);
    const aloneAcross = ownValue && columns.get(keyOf(one.column)) === 1 && rows.size >= SPARSE && columns.size > 1;
    const aloneDown = rows.get(one.row) === 1 && rows.size > 1 && columns.size >= SPARSE;
    return !aloneAcross && !aloneDown;
  });
}

function countBy<T>(all: T[], key: (one: T) => string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const one of all) counts.set(key(one), (counts.get(key(one)) ?? 0) + 1);
  return counts;
}

/** Distinct columns, in the order in which each axis names its values, so that equal headers stand side by side. */
function sortedColumns(all: Column[]): Column[] {
  const distinct = [...new Map(all.map((column) => [keyOf(column), column])).values()];
  const ranks = (distinct[0] ?? []).map((_, axis) => {
    const values = [...new Set(distinct.map((column) => column[axis] ?? ''))];
    return new Map(values.map((value, rank) => [value, rank]));
  });
  return distinct.sort((one, other) => {
    for (const [axis, rank] of ranks.entries()) {
      const difference = (rank.get(one[axis] ?? '') ?? 0) - (rank.get(other[axis] ?? '') ?? 0);
      if (difference !== 0) return difference;
    }
    return 0;
  });
}

function headerRow(columns: Column[], axis: number): HeaderCell[] {
  const cells: HeaderCell[] = [];
  let above: string | null = null;
  for (const column of columns) {
    const path = keyOf(column.slice(0, axis + 1));
    const last = cells.at(-1);
    if (last && path === above) last.span++;
    else cells.push({ value: column[axis] ?? '', span: 1 });
    above = path;
  }
  return cells;
}

function keyOf(values: readonly string[]): string {
  return JSON.stringify(values);
}

/** From a slot, the next one that holds a job in a direction; null at the edge. */
export function neighbour(
  layout: GridLayout,
  row: number,
  column: number,
  down: number,
  across: number,
): [number, number] | null {
  for (let r = row + down, c = column + across; ; r += down, c += across) {
    const slots = layout.rows[r]?.slots;
    if (!slots || c < 0 || c >= slots.length) return null;
    if ((slots[c]?.length ?? 0) > 0) return [r, c];
  }
}
