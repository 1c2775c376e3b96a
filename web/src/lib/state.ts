import type { BuildState, BuildSummary, JobState } from '../types';

export type AnyState = JobState | BuildState;

/** How a state is told without its colour: a shape (parts/state.tsx draws it), a letter, a word. */
export interface StateMark {
  letter: string;
  word: string;
  final: boolean;
}

export const STATES: Record<JobState, StateMark> = {
  waiting: { letter: 'W', word: 'waiting', final: false },
  queued: { letter: 'Q', word: 'queued', final: false },
  running: { letter: 'R', word: 'running', final: false },
  passed: { letter: 'P', word: 'passed', final: true },
  failed: { letter: 'F', word: 'failed', final: true },
  errored: { letter: 'E', word: 'errored', final: true },
  cancelled: { letter: 'C', word: 'cancelled', final: true },
};

/** What asks for eyes comes first. */
const ORDER: readonly JobState[] = ['failed', 'errored', 'running', 'queued', 'waiting', 'cancelled', 'passed'];

export function isFinal(state: AnyState): boolean {
  return STATES[state].final;
}

/** The counts of a build's jobs that are not nought, most urgent first. */
export function countsInOrder(counts: BuildSummary['jobCounts']): [JobState, number][] {
  return ORDER.flatMap((state) => {
    const count = counts[state] ?? 0;
    return count > 0 ? [[state, count] as [JobState, number]] : [];
  });
}

/** «2 failed, 1 running, 3 passed»; the build's own state when it has no jobs. */
export function countsInWords(build: Pick<BuildSummary, 'state' | 'jobCounts'>): string {
  const counts = countsInOrder(build.jobCounts);
  return counts.length === 0 ? build.state : counts.map(([state, count]) => `${count} ${state}`).join(', ');
}

/** What a browser's tab says of a build: «2 failed - owner/repo #12». */
export function buildTitle(build: BuildSummary): string {
  const [first] = countsInOrder(build.jobCounts);
  const some = first && (first[0] === 'failed' || first[0] === 'errored' || first[0] === 'running') ? first : null;
  return `${some ? `${some[1]} ${some[0]}` : build.state} - ${build.repository} #${build.number}`;
}
