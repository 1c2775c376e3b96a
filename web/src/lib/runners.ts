import type { RunnerRecord, RunnerState } from '../types';
import type { AnyState } from './state';

/** A runner's state is drawn with a job's shapes: well, to be looked at, ended on purpose. */
export const RUNNER_SHAPES: Record<RunnerState, AnyState> = {
  connected: 'passed',
  away: 'errored',
  stopped: 'cancelled',
};

/** «3 of 8 slots busy» of the runners that take jobs; what is away counts for neither. */
export function busyInWords(runners: RunnerRecord[]): string {
  const here = runners.filter((runner) => runner.state === 'connected');
  const busy = here.reduce((sum, runner) => sum + runner.jobs.length, 0);
  const slots = here.reduce((sum, runner) => sum + runner.slots, 0);
  return `${busy} of ${slots} ${slots === 1 ? 'slot' : 'slots'} busy`;
}

/** Those that take jobs first, then those that are missed; each by name. */
export function inOrder(runners: RunnerRecord[]): RunnerRecord[] {
  const rank: Record<RunnerState, number> = { connected: 0, away: 1, stopped: 2 };
  return [...runners].sort((a, b) => rank[a.state] - rank[b.state] || (a.name < b.name ? -1 : 1));
}

/** What is typed to add one: here, and on the other machine. */
export function addCommands(serverUrl: string): [here: string, there: string] {
  return [
    'testgrid runner token create farm > farm.token',
    `sudo testgrid runner --server ${serverUrl} --token-file farm.token`,
  ];
}

/** Why a runner on another machine would not come in by this address, and what to do; null when it would. */
export function addTrouble(serverUrl: string): string | null {
  const url = URL.canParse(serverUrl) ? new URL(serverUrl) : null;
  if (/^(localhost|127\..*|\[::1\])$/.test(url?.hostname ?? ''))
    return `${serverUrl} is this machine's own address: for other machines, start the server with --public-url.`;
  if (url?.protocol !== 'http:') return null;
  return (
    `${serverUrl} is plain http, which a runner on another machine refuses: put https before the server. On a network ` +
    "that is nobody else's, say --allow-insecure, and set runners.allowInsecure in testgrid.json."
  );
}
